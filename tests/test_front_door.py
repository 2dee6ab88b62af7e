"""Which role a request is for."""

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from appliance.front_door import Handler, Names, build_door, build_signpost
from appliance.settings import Settings

PUBLIC = Settings().with_values(
    {
        "network.mode": "public",
        "pds.hostname": "smith.example",
        "network.handle_domains": (".smith.example", ".smith.family"),
        "relay.hostname": "relay.smith.example",
        "appview.public_url": "https://view.smith.example",
        "labeler.public_url": "https://mod.smith.example",
    }
)
HOME = Settings().with_values(
    {"pds.hostname": "smith.home", "pds.public_url": "http://192.168.1.20:2580"}
)


@pytest.mark.parametrize(
    ("host", "path", "role"),
    [
        ("smith.example", "/", "pds"),
        ("SMITH.example:443", "/xrpc/_health", "pds"),
        ("smith.example.", "/", "pds"),
        ("ann.smith.example", "/.well-known/atproto-did", "pds"),
        ("bob.smith.family", "/", "pds"),
        ("relay.smith.example", "/xrpc/com.atproto.sync.subscribeRepos", "relay"),
        ("view.smith.example", "/img/avatar/plain/did:plc:a/b", "appview"),
        ("smith.example", "/img/avatar/plain/did:plc:a/b", "appview"),
        ("smith.example", "/imgs", "pds"),
        ("smith.example", "/xrpc/com.atproto.label.subscribeLabels", "labeler"),
        ("smith.example", "/xrpc/com.atproto.label.queryLabels", "pds"),
        ("smith.example", "/xrpc/app.bsky.feed.getFeedSkeleton", "appview"),
        ("mod.smith.example", "/xrpc/com.atproto.label.queryLabels", "labeler"),
        ("relay.smith.example", "/xrpc/com.atproto.label.subscribeLabels", "relay"),
        ("192.168.1.20:2580", "/", "pds"),
        ("[fd00::5]:2580", "/blob/did:plc:a/b", "appview"),
        ("localhost:2580", "/", "pds"),
        ("ann.elsewhere.example", "/.well-known/atproto-did", "pds"),
        ("ann.elsewhere.example", "/xrpc/_health", None),
        ("smith.example.evil.example", "/", None),
        ("xsmith.example", "/", None),
        ("", "/", None),
    ],
)
def test_name_and_path_tell_the_role(host: str, path: str, role: str | None) -> None:
    assert Names(PUBLIC).role(host, path) == role


def test_a_web_client_has_a_name_of_its_own() -> None:
    with_client = PUBLIC.with_values(
        {"client.folder": "app", "client.hostname": "app.smith.example"}
    )
    assert Names(with_client).role("app.smith.example", "/profile/ann.smith.example") == "client"
    assert Names(with_client).role("smith.example", "/") == "pds"
    # Without a folder nothing is served: the name is one that a member might have.
    without = with_client.with_values({"client.folder": ""})
    assert Names(without).role("app.smith.example", "/") == "pds"


def test_a_web_client_with_its_own_port_takes_no_address_from_the_pds() -> None:
    values = {"client.folder": "app", "client.port": 2590}
    beside = HOME.with_values({**values, "client.public_url": "http://10.0.0.7:2590"})
    assert Names(beside).role("10.0.0.7:2580", "/xrpc/_health") == "pds"


def test_who_asks_for_labels_in_nobodys_name_asks_the_labeler() -> None:
    names, path = Names(PUBLIC), "/xrpc/com.atproto.label.queryLabels"
    assert names.role("smith.example", path, is_open=True) == "labeler"
    assert names.role("relay.smith.example", path, is_open=True) == "relay"


def test_a_network_at_home_is_asked_by_address_and_by_name() -> None:
    names = Names(HOME)
    for host in ("192.168.1.20:2580", "10.0.0.7:2580", "smith.home", "ann.smith.home"):
        assert names.role(host, "/xrpc/_health") == "pds"
    assert names.role("192.168.1.20.evil.example:2580", "/xrpc/_health") is None


async def test_each_role_answers_with_what_it_has_and_others_are_told_why_not() -> None:
    def app_of(role: str) -> web.Application:
        async def say(request: web.Request) -> web.Response:
            return web.Response(text=f"{role} {request.match_info['rest']}")

        @web.middleware
        async def mark(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await handler(request)
            response.headers["Marked"] = role
            return response

        app = web.Application(middlewares=[mark])
        app.router.add_get("/{rest:.*}", say)
        return app

    notes: list[str] = []
    apps = {role: app_of(role) for role in ("pds", "relay", "appview")}
    for role, app in apps.items():
        app.on_startup.append(_noting(notes, f"{role} up"))
        app.on_cleanup.append(_noting(notes, f"{role} down"))
    async with TestServer(build_door(PUBLIC, apps)) as server, ClientSession() as session:
        for host, role in (("smith.example", "pds"), ("relay.smith.example", "relay")):
            async with session.get(server.make_url("/a/b"), headers={"Host": host}) as answer:
                assert (await answer.text(), answer.headers["Marked"]) == (f"{role} a/b", role)
            async with session.get(server.make_url("/metrics"), headers={"Host": host}) as answer:
                assert answer.status == 404  # for the operator, at the panel
        strange = {"Host": "rebound.example"}
        async with session.get(server.make_url("/a/b"), headers=strange) as answer:
            assert answer.status == 421
            assert "under the name rebound.example" in await answer.text()
    assert sorted(notes[:3]) == ["appview up", "pds up", "relay up"]
    assert sorted(notes[3:]) == ["appview down", "pds down", "relay down"]


def _noting(notes: list[str], word: str) -> Callable[[web.Application], Awaitable[None]]:
    async def note(_app: web.Application) -> None:
        notes.append(word)

    return note


@pytest.mark.parametrize(
    ("host", "status", "way"),
    [
        ("192.168.1.20:2580", 302, "http://192.168.1.20:2599/"),
        ("[fd00::5]", 302, "http://[fd00::5]:2599/"),
        ("localhost", 302, "http://localhost:2599/"),
        ("rebound.example", 421, None),
    ],
)
async def test_before_there_is_a_network_the_door_leads_to_the_wizard(
    host: str, status: int, way: str | None
) -> None:
    settings = Settings().with_values({"admin.port": 2599})
    async with TestServer(build_signpost(settings)) as server, ClientSession() as http:
        asked = http.get(server.make_url("/x"), headers={"Host": host}, allow_redirects=False)
        async with asked as answer:
            assert (answer.status, answer.headers.get("Location")) == (status, way)

"""Born at home, published later: the same DIDs and posts, under another name and directory."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity.errors import OperationRefused
from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.syntax import Did, JsonObject
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.firehose.events import IdentityEvent
from appliance.settings_groups import Paths
from tests.support.pds_box import Box, Member, open_box
from tests.support.waiting import until

NEW_URL = "http://localhost:2999"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Box]:
    """Another server with the directory that everybody can see."""
    folder = tmp_path / "world"
    folder.mkdir()
    async with open_box(folder) as box:
        yield box


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient.open(OutboundPolicy(allow_loopback=True)) as client:
        yield client


@pytest.fixture
def public(world: Box, http: HttpClient) -> PlcClient:
    return PlcClient(http, world.directory_url)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def settings(world: Box) -> dict[str, Any]:
    return {
        "pds_public_url": NEW_URL,
        "pds_plc_url": world.directory_url,
        "network_handle_domains": (".smiths.example.org",),
        "network_own_account": False,
    }


async def post(box: Box, member: Member) -> str:
    answer = await box.post(
        "com.atproto.repo.createRecord",
        member.access,
        repo=member.did,
        collection="app.bsky.feed.post",
        record={"text": "from home", "createdAt": "2026-11-21T00:00:00Z"},
    )
    return str(answer.json["cid"])


def endpoint(state: JsonObject) -> object:
    services: Any = state["services"]
    return services["atproto_pds"]["endpoint"]


async def test_identities_made_at_home_are_known_to_the_world_with_their_new_names(
    home: Path, world: Box, public: PlcClient, http: HttpClient
) -> None:
    own = PrivateKey.generate().public.did_key
    async with open_box(home, network_own_account=False) as box:
        alice = await box.sign_up("alice")
        bob = await box.sign_up("bobby", recoveryKey=own)
        closed = await box.sign_up("closed")
        await box.deactivate(closed)
        moved = await box.sign_up("moved")
        credentials = box.pds.identities.credentials(box.pds.accounts.require(moved.did))
        credentials["services"] = {
            "atproto_pds": {
                "type": "AtprotoPersonalDataServer",
                "endpoint": "https://elsewhere.example",
            }
        }
        away = await box.pds.identities.sign(moved.did, credentials)
        await box.pds.identities.hand_over(moved.did, away)
        cid = await post(box, alice)
        root = box.pds.repos.head(alice.did).commit_cid
        log = await inside(http, home).audit_log(alice.did)
        seq = box.pds.event_log.head()
    async with open_box(home, **settings(world)) as box:
        await until(lambda: box.pds.readdressing.progress.settled)
        for member, name in ((alice, "alice"), (bob, "bobby"), (closed, "closed")):
            handle = f"{name}.smiths.example.org"
            state = await public.data(member.did)
            assert endpoint(state) == NEW_URL
            assert state["alsoKnownAs"] == [f"at://{handle}"]
            found = box.pds.accounts.require(member.did)
            assert found.handle == handle
        bobs = await public.data(bob.did)
        assert bobs["rotationKeys"] == [own, box.pds.identities.rotation_key]
        published = await public.audit_log(alice.did)
        assert [entry["cid"] for entry in published][:-1] == [entry["cid"] for entry in log]
        assert box.pds.repos.head(alice.did).commit_cid == root
        told = [event for event in box.announced(seq) if isinstance(event, IdentityEvent)]
        assert {event.did for event in told} == {alice.did, bob.did, closed.did}
        record = await box.get(
            "com.atproto.repo.listRecords", repo=alice.did, collection="app.bsky.feed.post"
        )
        assert [one["cid"] for one in record.json["records"]] == [cid]
        assert (await box.log_in("alice.smiths.example.org")).status == 200
        assert box.pds.readdressing.findings() == []
        # Who moved away is not taken back.
        assert box.pds.accounts.require(moved.did).handle == "moved.test"
        assert endpoint(await inside(http, home).data(moved.did)) == "https://elsewhere.example"


def inside(http: HttpClient, folder: Path) -> PlcClient:
    return PlcClient(http, Paths(folder).address("directory"))


async def test_a_directory_that_refuses_or_is_away_is_told_and_asked_again(
    home: Path, world: Box, public: PlcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_box(home, network_own_account=False) as box:
        alice, bob = await box.sign_up("alice"), await box.sign_up("bobby")
    submit = PlcClient.submit
    turns = [alice.did]

    async def refuse_once(self: PlcClient, did: Did, operation: JsonObject) -> None:
        if did in turns:
            raise OperationRefused("too many operations")
        await submit(self, did, operation)

    monkeypatch.setattr(PlcClient, "submit", refuse_once)
    monkeypatch.setattr("appliance.pds.readdressing.FIRST_PAUSE", 1.0)
    async with open_box(home, **settings(world)) as box:
        await until(lambda: box.pds.readdressing.progress.done == 2)
        (finding,) = box.pds.readdressing.findings()
        assert "alice.test: too many operations" in finding.seen
        assert endpoint(await public.data(bob.did)) == NEW_URL
        turns.clear()
        await until(lambda: box.pds.readdressing.progress.settled)
        assert endpoint(await public.data(alice.did)) == NEW_URL
        assert box.pds.readdressing.findings() == []


async def test_cut_off_between_the_directorys_answer_and_our_note_it_goes_on(
    home: Path, world: Box, public: PlcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_box(home, network_own_account=False) as box:
        alice = await box.sign_up("alice")

    async def cut(*_: object) -> None:
        raise RuntimeError("the plug")

    with monkeypatch.context() as patched:
        patched.setattr("appliance.pds.lifecycle.Lifecycle.rename", cut)
        with pytest.raises(RuntimeError, match="the plug"):
            async with open_box(home, **settings(world)):
                pass
    assert endpoint(await public.data(alice.did)) == NEW_URL
    async with open_box(home, **settings(world)) as box:
        await until(lambda: box.pds.accounts.require(alice.did).handle != "alice.test")
        assert len(await public.audit_log(alice.did)) == 2


async def test_a_name_that_somebody_has_by_now_gets_a_number(
    home: Path, world: Box, public: PlcClient
) -> None:
    both = (".test", ".smiths.example.org")
    async with open_box(home, network_own_account=False, network_handle_domains=both) as box:
        alice = await box.sign_up("alice")
        other = await box.sign_up("other", handle="alice.smiths.example.org")
    async with open_box(home, **settings(world)) as box:
        await until(lambda: box.pds.readdressing.progress.settled)
        assert box.pds.accounts.require(alice.did).handle == "alice-2.smiths.example.org"
        assert box.pds.accounts.require(other.did).handle == "alice.smiths.example.org"

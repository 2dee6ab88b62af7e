"""`hearth try` itself: what it prints, what its options do, how it starts and ends."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from appliance.base import cores
from tests.support.appliance import ROOT, Appliance, DidNotStart
from tests.support.client import Client, Operator, Refused, join, sign_in, soon
from tests.support.ports import free_port
from tests.support.stream import events_after

LISTENS = "0A"
KEYS = {
    "pds_url",
    "relay_url",
    "appview_url",
    "labeler_url",
    "plc_url",
    "panel_url",
    "claim_url",
    "client_url",
    "admin_password",
    "handle_domain",
    "data",
    "pid",
}


async def test_one_line_says_where_everything_is(
    network: Appliance, http: aiohttp.ClientSession
) -> None:
    assert set(network.report) == KEYS
    assert network.report["pid"] == network.popen.pid
    assert network.report["handle_domain"] == ".test"
    assert network.report["claim_url"].startswith(network.panel)
    assert len(network.stdout().splitlines()) == 1
    urls = {name: url for name, url in network.report.items() if name.endswith("_url")}
    assert urls.pop("client_url") == ""
    assert len({urlsplit(url).port for url in urls.values()}) == 6
    for name in ("pds_url", "relay_url", "labeler_url", "appview_url", "plc_url"):
        answer = await Client(http, urls[name]).raw("GET", "/xrpc/_health")
        assert (answer.status, "version" in answer.json) == (200, True), name
    async with http.get(network.report["claim_url"]) as page:
        assert (page.status, page.content_type) == (200, "text/html")


def allowed_to_threads(pid: int) -> list[frozenset[int]]:
    return [
        frozenset(os.sched_getaffinity(int(thread.name)))
        for thread in Path(f"/proc/{pid}/task").iterdir()
    ]


@pytest.mark.skipif(len(cores.ALL) < 2, reason="there is one core only")
async def test_it_keeps_to_one_core_but_for_what_leaves_the_interpreter(
    network: Appliance, http: aiohttp.ClientSession
) -> None:
    ann = await join(http, network.pds, "ann")
    await ann.upload(b"a picture", "image/png")
    allowed = allowed_to_threads(network.popen.pid)
    home = os.sched_getaffinity(network.popen.pid)
    assert len(home) == 1
    # The loop, and who writes for the PDS, the relay, the AppView, the labeler and the directory.
    assert allowed.count(frozenset(home)) >= 6
    # Passwords, scans.
    assert set(allowed) == {frozenset(home), cores.ALL}


def modes_below(folder: Path) -> dict[Path, int]:
    found = {}
    for path in (folder, *folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # deleted by now
            found[path] = path.stat().st_mode
    return found


async def test_nothing_it_writes_is_for_other_users(
    network: Appliance, http: aiohttp.ClientSession
) -> None:
    ann = await join(http, network.pds, "ann")
    await ann.upload(b"a picture", "image/png")
    modes = modes_below(network.data)
    assert {"pds.sqlite", "pds.sock", "blobs", "secrets", "reserve"} <= {one.name for one in modes}
    assert [path for path, mode in modes.items() if mode & 0o077] == []


def test_it_listens_on_this_computer_only(network: Appliance) -> None:
    ports = {urlsplit(url).port for name, url in network.report.items() if name.endswith("_url")}
    listening = {
        address for address, port, state in sockets() if state == LISTENS and port in ports
    }
    assert "0100007F" in listening
    assert listening <= {"0100007F", "0" * 24 + "01000000"}


def sockets() -> Iterator[tuple[str, int, str]]:
    """Give local address, port and state of every TCP socket of this machine."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            address, _, port = local.partition(":")
            yield address, int(port, 16), state


async def test_everything_is_there_after_a_restart(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    first = Appliance(data=tmp_path)
    ann, bob = await join(http, first.pds, "ann"), await join(http, first.pds, "bob")
    await bob.follow(ann)
    blob = await ann.upload(b"\x89PNG\r\n\x1a\n" + bytes(100), "image/png")
    await ann.put("app.bsky.actor.profile", "self", displayName="Ann", avatar=blob)
    post = await ann.write_post("before")
    await bob.like(post)
    await bob.sees(post)
    profile = await bob.profile(ann)
    before = await events_after(http, first.relay, 0)
    archive = await Client(http, first.pds).get("com.atproto.sync.getRepo", did=ann.did)
    first.finish()
    second = Appliance(data=tmp_path)
    try:
        assert second.report == {**first.report, "pid": second.popen.pid}
        assert (
            await Client(http, second.pds).get("com.atproto.sync.getRepo", did=ann.did) == archive
        )
        assert await bob.profile(ann) == profile
        await bob.sees(post)
        again = await sign_in(http, second.pds, ann.handle)
        after = await again.write_post("after")
        await bob.sees(after)
        stream = await events_after(http, second.relay, 0)
        assert stream[: len(before)] == before
        assert len(stream) == len(before) + 1
        link = blob["ref"]["$link"]
        got = await Client(http, second.pds).raw(
            "GET", "/xrpc/com.atproto.sync.getBlob", params={"did": ann.did, "cid": link}
        )
        assert len(got.body) == 108
    finally:
        second.finish()
    assert (tmp_path / "pds.sqlite").exists()


def test_a_temporary_folder_is_gone_afterwards() -> None:
    appliance = Appliance()
    assert appliance.data.is_dir()
    appliance.finish()
    assert not appliance.data.exists()


def test_ctrl_c_ends_it_as_well_as_a_service_manager() -> None:
    appliance = Appliance()
    appliance.stop(signal.SIGINT)
    assert appliance.popen.returncode == 0
    assert appliance.complaints() == []


async def test_it_ends_in_time_while_streams_are_open_and_a_body_is_half_sent(
    http: aiohttp.ClientSession,
) -> None:
    appliance = Appliance()
    ann = await join(http, appliance.pds)
    path = "/xrpc/com.atproto.sync.subscribeRepos"
    streams = [await http.ws_connect(base + path) for base in (appliance.pds, appliance.relay)]
    half = (
        f"POST /xrpc/com.atproto.repo.uploadBlob HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {ann.token}\r\nContent-Type: image/png\r\n"
        f"Content-Length: 1000\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(appliance.pds).port)
    writer.write(half.encode() + bytes(500))
    await writer.drain()
    appliance.finish()
    writer.close()
    for stream in streams:
        await stream.close()


async def test_the_ports_follow_the_one_that_is_given(http: aiohttp.ClientSession) -> None:
    first = free_port()
    appliance = Appliance("--port", str(first))
    try:
        names = ("pds_url", "relay_url", "appview_url", "plc_url", "panel_url")
        ports = [urlsplit(appliance.report[name]).port for name in names]
        assert ports == list(range(first, first + 5))
        with pytest.raises(DidNotStart, match="cannot listen"):
            Appliance("--port", str(first))
    finally:
        appliance.finish()


def test_two_cannot_share_a_folder(tmp_path: Path) -> None:
    first = Appliance(data=tmp_path)
    with pytest.raises(DidNotStart, match="status 1"):
        Appliance("--port", str(free_port()), data=tmp_path)
    first.finish()


async def test_the_operator_may_choose_the_password_and_the_domain(
    http: aiohttp.ClientSession,
) -> None:
    appliance = Appliance("--admin-password", "chosen by me", "--handle-domain", ".smith.test")
    try:
        assert appliance.report["admin_password"] == "chosen by me"
        assert "admin password in a command is seen by others" in appliance.stderr()
        assert appliance.report["handle_domain"] == ".smith.test"
        operator = Operator(http, appliance.pds, "chosen by me")
        assert (await operator.post("com.atproto.server.createInviteCode", useCount=1))["code"]
        ann = await join(http, appliance.pds, handle="ann.smith.test")
        await ann.finds(await ann.write_post("hello"))
        await soon(ann.profile, lambda seen: seen["handle"] == "ann.smith.test")
        with pytest.raises(Refused) as refused:
            await join(http, appliance.pds, handle="ann.test")
        assert refused.value.error == "UnsupportedDomain"
    finally:
        appliance.finish()


async def test_another_directory_serves_as_well(
    network: Appliance, http: aiohttp.ClientSession
) -> None:
    second = Appliance("--plc", network.plc, "--crawl", network.pds)
    try:
        assert second.plc == network.plc
        ann, zoe = await join(http, network.pds, "ann"), await join(http, second.pds, "zoe")
        document = await Client(http, network.plc).raw("GET", f"/{zoe.did}")
        assert document.json["alsoKnownAs"] == [f"at://{zoe.handle}"]
        await zoe.follow(ann)
        post = await ann.write_post("hello over there")
        await zoe.sees(post)
        # The network it follows has many accounts, whose names are all looked up at first.
        await soon(lambda: zoe.profile(ann), lambda seen: seen["handle"] == ann.handle)
    finally:
        second.finish()


async def test_another_appview_is_asked_instead(
    network: Appliance, http: aiohttp.ClientSession
) -> None:
    did = "did:web:localhost%3A" + str(urlsplit(network.appview).port)
    second = Appliance("--appview", network.appview, "--appview-did", did, "--plc", network.plc)
    try:
        ann, zoe = await join(http, network.pds, "ann"), await join(http, second.pds, "zoe")
        post = await ann.write_post("seen from afar")

        async def posts() -> list[str]:
            found = await zoe.get("app.bsky.feed.getPosts", uris=[post.uri])
            return [each["uri"] for each in found["posts"]]

        assert await soon(posts, bool) == [post.uri]
    finally:
        second.finish()


async def test_rates_are_limited_when_asked_for(http: aiohttp.ClientSession) -> None:
    appliance = Appliance("--limits")
    try:
        stranger = Client(http, appliance.pds)
        path = "/xrpc/com.atproto.server.requestPasswordReset"
        for _ in range(15):
            assert (await stranger.raw("POST", path)).error == (400, "InvalidRequest")
        # Every twenty seconds there is one more: on a slow machine a few.
        more = [await stranger.raw("POST", path) for _ in range(5)]
        refused = next(answer for answer in more if answer.status == 429)
        assert refused.error == (429, "RateLimitExceeded")
        assert int(refused.headers["Retry-After"]) > 0
    finally:
        appliance.finish()


def test_help_is_there_and_wrong_options_are_told() -> None:
    def hearth(*args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "appliance", *args]
        return subprocess.run(  # noqa: S603
            command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )

    for words in ([], ["try"], ["run"], ["account"], ["checkup"]):
        shown = hearth(*words, "--help")
        assert shown.returncode == 0
        assert "usage: hearth" in shown.stdout
    for words in (["try", "--port", "many"], ["fly"], ["try", "--temp", "--data", "x"]):
        refused = hearth(*words)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
    blocked = hearth("try", "--temp", "--port", "10078")
    assert (blocked.returncode, blocked.stdout) == (1, "")
    assert "browsers refuse to open port 10080" in blocked.stderr
    alone = hearth("try", "--temp", "--appview", "http://localhost:1")
    assert (alone.returncode, "Traceback" in alone.stderr) == (1, False)

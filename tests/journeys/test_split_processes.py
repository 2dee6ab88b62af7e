"""The roles in several processes, as `hearth@.service` runs them: one network all the same."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from appliance.passage import CALLER, FROM_THE_DOOR, SCHEME
from appliance.settings import Settings
from appliance.settings_file import save
from tests.support.acme_authority import write_signed
from tests.support.appliance import ROOT, wait_until
from tests.support.client import Client, Member, Operator, join
from tests.support.ending import end, kill
from tests.support.in_service import Here
from tests.support.ports import free_port
from tests.support.whole_house import Place, place

pytestmark = pytest.mark.slow

DEV = {"HEARTH_NETWORK_MODE": "dev"}
RELAY = "relay.split.test"
# So often an address may ask the relay to crawl in five minutes; one comes back in three seconds.
CRAWLS, FEW = 100, 30
MAIN = ("directory", "neighbours", "pds", "labeler", "admin")


class Part:
    """`hearth run` for some of the roles; what it says is in `log`."""

    def __init__(self, data: Path, *roles: str) -> None:
        self._file = data.parent / f"{roles[0]}.log"
        words = [word for role in roles for word in ("--role", role)]
        command = [sys.executable, "-m", "appliance", "run", "--data", str(data), *words]
        with self._file.open("ab") as out:
            self.popen = subprocess.Popen(  # noqa: S603
                command, cwd=ROOT, stdout=out, stderr=out, env={**os.environ, **DEV}
            )

    @property
    def log(self) -> str:
        return self._file.read_text()

    def has_begun(self, role: str, times: int) -> bool:
        """Tell whether a role has been opened so many times."""
        return self.log.count(f"role is up name={role}\n") == times


@contextmanager
def part(data: Path, *roles: str) -> Iterator[Part]:
    started = Part(data, *roles)
    try:
        yield started
    finally:
        if started.popen.poll() is None:
            end(started.popen)
    assert started.popen.returncode in (0, -signal.SIGKILL), started.log
    assert "Traceback" not in started.log, started.log


def all_answer(data: Path) -> bool:
    """Ask as whoever looks after it does."""
    asked = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "appliance", "health", "--data", str(data)],
        cwd=ROOT,
        env={**os.environ, **DEV},
        capture_output=True,
        timeout=240,
        check=False,
    )
    return asked.returncode == 0


@pytest.fixture
def where() -> Iterator[Place]:
    with place() as taken:
        yield taken


def settings_for(where: Place, data: Path, **changes: object) -> Settings:
    """Write them, and give up the ports that were held for them.

    changes: settings, "__" in the place of the dot.
    """
    given = {name.replace("__", "."): value for name, value in changes.items()}
    settings = where.settings(data).with_values(
        {"door.host": "127.0.0.1", "door.port": free_port(), "relay.hostname": RELAY, **given}
    )
    data.mkdir(mode=0o700, exist_ok=True)
    save(settings)
    for listeners in where.listeners.values():
        for listener in listeners:
            listener.close()
    return settings


async def test_roles_in_three_processes_are_one_network(tmp_path: Path, where: Place) -> None:
    data = tmp_path / "data"
    settings = settings_for(where, data)
    with ExitStack() as stack:
        # Whoever needs the others is there before them.
        appview = stack.enter_context(part(data, "appview"))
        relay = stack.enter_context(part(data, "relay"))
        main = stack.enter_context(part(data, *MAIN))
        wait_until(lambda: all_answer(data), "every role answers")
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            door = Client(http, f"http://localhost:{settings.door.port}")
            ann, bob = [await join(http, door.base, name) for name in ("ann", "bob")]
            await ann.follow(bob)
            await ann.sees(await bob.write_post("from three processes"))
            await all_is_behind_one_door(door)
            assert (await door.raw("GET", "/")).status == 200
            panel = Client(http, f"http://localhost:{settings.admin.port}")
            page = await panel.raw("GET", "/")
            assert page.status == 200
            assert b"<form" in page.body
            await goes_on_without_relay(data, relay, stack, door, (ann, bob))
            token = settings.paths.secret("operator-token").read_text().strip()
            operator = Operator(http, settings.pds.url, token)
            changed = {"values": {"pds.contact_email": "ann@example.org"}}
            await operator.post("internal.hearth.pds.putSettings", **changed)
            # Meanwhile the loop hears that connections have ended.
            for each, role in ((main, "admin"), (appview, "appview")):
                begun = partial(each.has_begun, role, 2)
                await asyncio.to_thread(wait_until, begun, "all have begun anew")
            answer = partial(all_answer, data)
            await asyncio.to_thread(wait_until, answer, "every role answers again")
            await ann.sees(await bob.write_post("with new settings"))


async def all_is_behind_one_door(door: Client) -> None:
    """Ask AppView and relay, which are elsewhere, at the port of the PDS."""
    assert "labels" in await door.get("com.atproto.label.queryLabels", uriPatterns="*")
    refused = await door.raw("GET", "/img/avatar/plain/nobody/nothing")
    assert refused.status == 400
    hosts = await door.raw("GET", "/xrpc/com.atproto.sync.listHosts", headers={"Host": RELAY})
    assert len(hosts.json["hosts"]) == 1
    for stream in ("xrpc/com.atproto.sync.subscribeRepos?cursor=0", "subscribe?cursor=0"):
        at = f"{door.base}/{stream}"
        async with door.http.ws_connect(at, headers={"Host": RELAY}) as socket:
            assert len((await socket.receive(timeout=60)).data) > 100


async def goes_on_without_relay(
    data: Path, relay: Part, stack: ExitStack, door: Client, members: tuple[Member, Member]
) -> None:
    ann, bob = members
    kill(relay.popen)
    post = await bob.write_post("while nobody passes it on")
    asked = partial(door.raw, "GET", "/xrpc/com.atproto.sync.listHosts", headers={"Host": RELAY})
    answer = await asked()
    assert (answer.error, answer.json["message"]) == (
        (502, "UpstreamFailure"),
        "The relay of this network does not answer at the moment",
    )
    stack.enter_context(part(data, "relay"))
    await ann.sees(post)
    assert (await asked()).status == 200


async def refused_after(http: aiohttp.ClientSession, url: str, **headers: str) -> int:
    """Ask the relay for what an address may ask a hundred times; count until it may not."""
    for count in range(3 * CRAWLS):
        async with http.post(
            f"{url}/xrpc/com.atproto.sync.requestCrawl", json={"hostname": "x"}, headers=headers
        ) as answer:
            if answer.status == 429:
                return count
            assert answer.status == 400, await answer.text()
    raise AssertionError("nobody counts")


def caller(address: str) -> aiohttp.ClientSession:
    """Somebody at an address; all names are this machine's, whatever they show."""
    connector = aiohttp.TCPConnector(resolver=Here(), local_addr=(address, 0), ssl=False)
    return aiohttp.ClientSession(connector=connector)


async def test_who_calls_is_told_apart_behind_the_door_by_http_and_https(
    tmp_path: Path, where: Place
) -> None:
    data, port = tmp_path / "data", free_port()
    write_signed(tmp_path / "relay.pem", [RELAY])
    settings = settings_for(
        where,
        data,
        limits__enabled=True,
        limits__subscribers_per_address=1,
        https__mode="files",
        https__certificate=str(tmp_path / "relay.pem"),
        https__host="127.0.0.1",
        https__port=port,
        https__plain_port=port + 1,
    )
    plain, secure = f"http://{RELAY}:{settings.door.port}", f"https://{RELAY}:{port}"
    with part(data, "appview"), part(data, "relay"), part(data, *MAIN):
        wait_until(lambda: all_answer(data), "every role answers")
        async with caller("127.0.0.2") as ann, caller("127.0.0.3") as bob:
            assert await refused_after(ann, secure) >= CRAWLS
            # Nobody is somebody else by saying so: not at the door,
            forged = {"X-Forwarded-For": "127.0.0.3", CALLER: "127.0.0.3", SCHEME: "https"}
            for door in (plain, secure):
                assert await refused_after(ann, door) < FEW
                assert await refused_after(ann, door, **forged) < FEW
            assert await refused_after(bob, plain) >= CRAWLS
            # nor at the role's own port, which has a count of its own.
            own = f"http://localhost:{settings.relay.port}"
            assert await refused_after(ann, own) >= CRAWLS
            assert await refused_after(ann, own, **forged) < FEW
            await one_may_listen(ann, bob, secure, forged)
        # What the door says is said where nobody else can say it.
        sockets = list(settings.paths.run.glob(f"*{FROM_THE_DOOR}.sock"))
        assert len(sockets) == 2
        assert {stat.S_IMODE(path.stat().st_mode) for path in sockets} == {0o600}
        assert stat.S_IMODE(settings.paths.run.stat().st_mode) == 0o700


async def one_may_listen(
    ann: aiohttp.ClientSession, bob: aiohttp.ClientSession, secure: str, forged: dict[str, str]
) -> None:
    """Have them subscribe by HTTPS, where one place is for each address."""
    stream = f"{secure}/xrpc/com.atproto.sync.subscribeRepos?cursor=0"
    async with ann.ws_connect(stream):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await ann.ws_connect(stream, headers=forged)
        assert refused.value.status == 429
        async with bob.ws_connect(stream):
            pass


def test_no_role_runs_twice(tmp_path: Path, where: Place) -> None:
    data = tmp_path / "data"
    settings_for(where, data)
    with part(data, "relay") as first:
        wait_until(partial(first.has_begun, "relay", 1), "the relay is up")
        second = Part(data, "relay")
        assert second.popen.wait(60) == 1
        assert "is in use by process" in second.log or "cannot listen" in second.log


def test_what_has_no_network_yet_waits_for_its_name(tmp_path: Path, where: Place) -> None:
    data = tmp_path / "data"
    with part(data, "appview") as waiting:
        wait_until((data / "hearth.toml").exists, "it has begun")
        settings_for(where, data)
        wait_until(partial(waiting.has_begun, "appview", 1), "the AppView is up")

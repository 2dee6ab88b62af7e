"""The roles in several processes, as `hearth@.service` runs them: one network all the same."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from appliance.settings import Settings
from appliance.settings_file import save
from tests.support.appliance import ROOT, wait_until
from tests.support.client import Client, Member, Operator, join
from tests.support.ending import end, kill
from tests.support.ports import free_port
from tests.support.whole_house import Place, place

pytestmark = pytest.mark.slow

DEV = {"HEARTH_NETWORK_MODE": "dev"}
RELAY = "relay.split.test"
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
        timeout=60,
        check=False,
    )
    return asked.returncode == 0


@pytest.fixture
def where() -> Iterator[Place]:
    with place() as taken:
        yield taken


def settings_for(where: Place, data: Path) -> Settings:
    """Write them, and give up the ports that were held for them."""
    settings = where.settings(data).with_values(
        {"door.host": "127.0.0.1", "door.port": free_port(), "relay.hostname": RELAY}
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

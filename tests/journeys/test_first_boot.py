"""`hearth run` in an empty folder: the wizard alone, then everything, in one process."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar

from appliance.atproto.xrpc.frames import decode_frame
from tests.support.appliance import ROOT, SECONDS_TO_START, wait_until
from tests.support.client import soon
from tests.support.commands import hearth
from tests.support.ending import end
from tests.support.ports import free_port

PASSWORD = "the cat sleeps all day"
TOKEN = re.compile(r'name="form_token" value="([^"]*)"')


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    said: Path
    log: Path
    panel: str
    door: str

    def has_started_anew(self) -> bool:
        """Whether everything was up once more after it was asked to start anew."""
        return "role is up name=admin" in self.log.read_text().partition("starting anew")[2]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Running]:
    door, panel = free_port(), free_port()
    env = {
        "HEARTH_DOOR_PORT": str(door),
        "HEARTH_ADMIN_PORT": str(panel),
        "HEARTH_ADMIN_HOST": "127.0.0.1",
        "HEARTH_DOOR_HOST": "127.0.0.1",
    }
    said, log = tmp_path / "said", tmp_path / "log"
    command = [sys.executable, "-m", "appliance", "run", "--data", str(tmp_path / "data")]
    with said.open("wb") as out, log.open("wb") as err:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, stdout=out, stderr=err, env={**os.environ, **env}
        )
    try:
        wait_until(lambda: "to begin" in said.read_text(), "the first link", SECONDS_TO_START)
        running = Running(
            process, said, log, f"http://127.0.0.1:{panel}", f"http://127.0.0.1:{door}"
        )
        yield running
    finally:
        assert end(process) == 0, log.read_text()


async def send(http: ClientSession, url: str, **fields: str) -> tuple[int, str]:
    """Fill in the form of a page, as a browser does; give status and text of what follows."""
    async with http.get(url) as page:
        token = TOKEN.search(await page.text())
        assert token is not None, (page.status, url)
    data = {"form_token": token[1], **fields}
    async with http.post(url, data=data, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", await answer.text())


def test_commands_say_that_nobody_has_begun(fresh: Running) -> None:
    data = fresh.said.with_name("data")

    told = hearth("account", "list", data=data)
    assert told.returncode == 1
    assert "has no name yet; begin with the link of: hearth claim" in told.stderr
    found = json.loads(hearth("checkup", "--json", data=data).stdout)["findings"]
    assert [one["cause"] for one in found if one["subject"] == "Network"] == ["not-begun"]
    assert not [one for one in found if one["subject"].startswith("Part")]
    assert hearth("claim", data=data).stdout.splitlines()[0] in fresh.said.read_text()


async def test_only_the_wizard_answers_until_it_is_done_and_then_everything(
    fresh: Running,
) -> None:
    found = re.search(r"begin: (\S+)", fresh.said.read_text())
    assert found is not None
    claim = found[1]
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        async with http.get(f"{fresh.door}/any", allow_redirects=False) as way:
            assert (way.status, way.headers["Location"]) == (302, f"{fresh.panel}/")
        fields = {"code": claim.rpartition("=")[2], "password": PASSWORD, "again": PASSWORD}
        assert await send(http, f"{fresh.panel}/claim", **fields) == (303, "/setup/name")
        async with http.get(f"{fresh.panel}/people", allow_redirects=False) as early:
            assert early.headers["Location"] == "/setup/name"
        done = await send(http, f"{fresh.panel}/setup/name", name="The Smiths")
        assert done == (303, "/setup/reach")
        chosen = {"kind": "home", "suffix": "smiths.home", "address": fresh.door}
        done = await send(http, f"{fresh.panel}/setup/reach", **chosen)
        assert done == (303, "/setup/reach/seen")
        wait_until(fresh.has_started_anew, "everything is up", SECONDS_TO_START)
        async with http.get(f"{fresh.panel}/setup/reach/seen") as seen:
            assert "parts of the network answer" in await seen.text()
        await send(http, f"{fresh.panel}/setup/people", handle="ann", email="", password="")
        about = f"{fresh.door}/xrpc/com.atproto.server.describeServer"
        async with http.get(about) as answer:
            told = await answer.json()
        assert (told["did"], told["availableUserDomains"]) == (
            "did:web:smiths.home",
            [".smiths.home"],
        )
        handle = {"Host": "ann.smiths.home"}
        document = f"{fresh.door}/.well-known/atproto-did"
        async with http.get(document, headers=handle) as answer:
            assert (await answer.text()).startswith("did:plc:")
        async with http.get(fresh.door, headers={"Host": "rebound.example"}) as answer:
            assert answer.status == 421
        await _labels_and_feeds_are_under_the_same_name(http, f"{fresh.door}/xrpc")


async def _labels_and_feeds_are_under_the_same_name(http: ClientSession, door: str) -> None:
    async def offered() -> list[str]:
        async with http.get(f"{door}/app.bsky.feed.describeFeedGenerator") as answer:
            told = await answer.json()
            return [feed["uri"].rpartition("/")[2] for feed in told.get("feeds", ())]

    await soon(offered, lambda seen: seen == ["everyone", "photos", "friends"])
    async with http.get(f"{door}/com.atproto.label.queryLabels?uriPatterns=*") as answer:
        assert await answer.json() == {"labels": []}
    async with http.ws_connect(f"{door}/com.atproto.label.subscribeLabels?cursor=7") as stream:
        assert decode_frame(await stream.receive_bytes(timeout=60)).body["error"] == "FutureCursor"


@pytest.mark.parametrize("pause", [0.0, 0.1])
def test_a_signal_amid_a_new_start_is_heard(pause: float, fresh: Running) -> None:
    """Whenever it comes, it ends the process in order: the fixture looks at the status."""
    fresh.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "starting anew" in fresh.log.read_text(), "the new start")
    time.sleep(pause)

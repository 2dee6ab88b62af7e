"""Our Jetstream, read by a published client (npm @skyware/jetstream)."""

import asyncio
import re
from typing import Any

import aiohttp
import orjson
import pytest

from tests.conftest import Join
from tests.support.appliance import Appliance, Process
from tests.support.client import Member, soon
from tests.support.node import FOLDER, node

pytestmark = pytest.mark.slow


class Bot(Process):
    """A listener made of the published client."""

    def __init__(self, relay: str, **options: str) -> None:
        endpoint = f"{relay.replace('http', 'ws', 1)}/subscribe"
        command = [node(), str(FOLDER / "jetstream.mjs"), "--endpoint", endpoint]
        for name, value in options.items():
            command += [f"--{name}", value]
        super().__init__(command)

    def _lines(self) -> list[dict[str, Any]]:
        complete, _, _ = self.stdout().rpartition("\n")
        return [orjson.loads(line) for line in complete.splitlines()[1:]]

    def events(self) -> list[dict[str, Any]]:
        return [line["event"] for line in self._lines() if "event" in line]

    def posts(self) -> list[str]:
        return [line["post"] for line in self._lines() if "post" in line]

    def is_open(self) -> bool:
        return any("open" in line for line in self._lines())

    def complaints(self) -> list[str]:
        return [line["complaint"] for line in self._lines() if "complaint" in line]

    def wish(self, **options: object) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(orjson.dumps(options) + b"\n")
        self.popen.stdin.flush()


async def until(bot: Bot, texts: list[str]) -> None:
    """Wait until the posts it has heard of are these."""

    async def heard() -> list[str]:
        return bot.posts()

    await soon(heard, lambda posts: posts == texts)
    assert bot.complaints() == []


async def test_a_bot_hears_reads_back_filters_and_changes_its_mind(
    network: Appliance, newcomer: Join
) -> None:
    live = Bot(network.relay)

    async def opened() -> bool:
        return live.is_open()

    await soon(opened, bool)
    cleo, dora = await newcomer("cleo"), await newcomer("dora")
    first = await cleo.write_post("one")
    await dora.write_post("two")
    await cleo.put("app.bsky.actor.profile", "self", displayName="Cleo")
    await cleo.delete(first)
    changes = [
        ("create", "app.bsky.feed.post"),
        ("create", "app.bsky.actor.profile"),
        ("delete", "app.bsky.feed.post"),
    ]
    await soon(lambda: heard_of(live, cleo), lambda heard: heard == changes)
    await until(live, ["one", "two"])
    ours = [event for event in live.events() if event["did"] in (cleo.did, dora.did)]
    assert {event["kind"] for event in ours} == {"commit", "identity", "account"}
    revs = [event["commit"]["rev"] for event in ours if event["kind"] == "commit"]
    assert all(re.fullmatch(r"[2-7a-z]{13}", rev) for rev in revs)

    cursor = str(ours[0]["time_us"])
    again = Bot(network.relay, cursor=cursor)
    picky = Bot(network.relay, cursor=cursor, collections="app.bsky.feed.*", dids=dora.did)
    await until(again, ["one", "two"])
    assert [event for event in again.events() if event["did"] in (cleo.did, dora.did)] == ours
    await until(picky, ["two"])
    assert {event["did"] for event in picky.events()} == {dora.did}
    picky.wish(wantedDids=[cleo.did], wantedCollections=["app.bsky.feed.post"])
    await written_until_heard(cleo, picky)
    for bot in (live, again, picky):
        assert bot.complaints() == []
        bot.stop()


async def test_a_bot_may_name_ten_thousand_accounts(
    network: Appliance, http: aiohttp.ClientSession, ann: Member
) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    dids = [f"did:plc:{number:024x}".replace("0", "z").replace("1", "y") for number in range(9999)]
    dids = [did.replace("8", "x").replace("9", "w") for did in dids]
    assert all(set(did[8:]) <= set(letters) for did in dids)
    params = [("wantedDids", did) for did in [*dids, ann.did]]
    async with http.ws_connect(f"{network.relay}/subscribe", params=params) as bot:
        await asyncio.sleep(0.2)
        await ann.write_post("one of ten thousand")
        assert orjson.loads(await bot.receive_str(timeout=60))["did"] == ann.did
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(
                f"{network.relay}/subscribe", params=[*params, ("wantedDids", "did:web:a.test")]
            )
        assert refused.value.status == 400


async def heard_of(bot: Bot, member: Member) -> list[tuple[str, str]]:
    """Give what it heard that a member did."""
    ours = [event for event in bot.events() if event["did"] == member.did]
    commits = [event["commit"] for event in ours if "commit" in event]
    return [(commit["operation"], commit["collection"]) for commit in commits]


async def written_until_heard(member: Member, bot: Bot) -> None:
    """Write until it hears: when new wishes arrive is its own affair."""

    async def heard() -> bool:
        await member.write_post("now I am wanted")
        return "now I am wanted" in bot.posts()

    await soon(heard, bool)

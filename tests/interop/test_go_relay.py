"""The relay of the network itself (indigo) follows us: what it holds is what we hold."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.appliance import Appliance
from tests.support.client import Client, Member, Operator, join, soon
from tests.support.go_programs import GoRelay

pytestmark = [pytest.mark.slow, pytest.mark.go]

LIMIT = 4


class Scene:
    """A network whose folder is known, and the relay that follows it."""

    def __init__(self, folder: Path, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.data = folder / "network"
        self.network = Appliance(data=self.data)
        self.hostname = self.network.pds.removeprefix("http://")
        (folder / "relay").mkdir()
        self.relay = GoRelay(folder / "relay", self.network.plc, self.hostname, LIMIT)

    def restart(self, backup: Path | None = None) -> None:
        """Start the network anew, with what a backup holds if one is given."""
        self.network.finish()
        if backup is not None:
            shutil.rmtree(self.data)
            shutil.move(backup, self.data)
        self.network = Appliance(data=self.data)

    async def members(self, *names: str) -> list[Member]:
        """Open accounts that have written something."""
        found = [await join(self.http, self.network.pds, name) for name in names]
        for member in found:
            first = await member.write_post("hello")
            await member.reply(first, first, "and again")
        return found

    def operator(self) -> Operator:
        return Operator(self.http, self.network.pds, self.network.operator_token)

    async def told(self, name: str, **params: str) -> dict[str, Any]:
        return await self.relay.get(self.http, name, **params)

    async def agree(self, *members: Member) -> None:
        """Wait until the relay tells of accounts and their heads what the PDS tells."""
        pds = Client(self.http, self.network.pds)
        for member in members:

            async def both(did: str = member.did) -> list[Any]:
                ours = await pds.get("com.atproto.sync.getRepoStatus", did=did)
                theirs = await self.told("getRepoStatus", did=did)
                # Of a repo that is not active, only the relay says where it stands.
                names = ("active", "status") + (("rev",) if ours["active"] else ())
                return [{name: each.get(name) for name in names} for each in (ours, theirs)]

            seen = await soon(both, lambda seen: seen[0] == seen[1])
            if seen[0]["active"]:
                head = await pds.get("com.atproto.sync.getLatestCommit", did=member.did)
                assert await self.told("getLatestCommit", did=member.did) == head

    async def seq(self) -> int:
        """How far the relay has noted that it read."""
        return int((await self.told("getHostStatus", hostname=self.hostname))["seq"])

    async def noted(self) -> int:
        """Wait until it has noted its place, which it does every four seconds; give it."""
        await asyncio.sleep(4.5)
        return await self.seq()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Of connections that were made before a restart, none may be used after it."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield session


@pytest.fixture
async def scene(tmp_path: Path, http: aiohttp.ClientSession) -> AsyncIterator[Scene]:
    made = Scene(tmp_path, http)
    try:
        # It listens from now on, not from the beginning.
        await asyncio.to_thread(made.relay.until_connected)
        yield made
        made.network.finish()
    finally:
        made.relay.stop()
        if made.network.popen.poll() is None:
            made.network.kill()


async def test_it_follows_every_account_through_its_life(scene: Scene) -> None:
    ann, bob, cy, dee = await scene.members("ann", "bob", "cy", "dee")
    await ann.delete(await ann.write_post("gone"))
    await scene.agree(ann, bob, cy, dee)

    await ann.post("com.atproto.server.deactivateAccount")
    await scene.agree(ann)
    await ann.post("com.atproto.server.activateAccount")
    await ann.write_post("back")
    await bob.post("com.atproto.identity.updateHandle", handle="robert.test")
    await bob.write_post("by another name")
    await hide(scene, cy, hidden=True)
    await scene.agree(ann, bob, cy)
    await hide(scene, cy, hidden=False)
    await cy.write_post("seen again")
    await scene.agree(cy)
    await scene.operator().post("com.atproto.admin.deleteAccount", did=dee.did)

    async def standing() -> dict[str, Any]:
        return await scene.told("getRepoStatus", did=dee.did)

    await soon(standing, lambda told: told.get("status") == "deleted")
    listed = await scene.told("listRepos")
    assert {each["did"] for each in listed["repos"]} >= {ann.did, bob.did, cy.did}


async def test_when_it_holds_accounts_back_we_say_how_many(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, cy, dee, _ = await scene.members("ann", "bob", "cy", "dee", "eve")
    await scene.agree(ann, bob, cy, dee)
    monkeypatch.setenv("HEARTH_PDS_RELAYS", scene.relay.url)
    scene.restart()
    await ann.write_post("of those that are heard")
    held = "warn 1 of 5 accounts are held back (throttled); it counts"
    seen = await does_the_network_see_us(scene)
    # On a busy machine the echo of what was just written may be late: told as well.
    assert [finding.startswith(held) for finding in seen].count(True) == 1, seen


async def test_a_network_put_back_to_a_backup_is_followed_on(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = await scene.members("ann", "bob")
    monkeypatch.setenv("HEARTH_PDS_RELAYS", scene.relay.url)
    scene.network.finish()
    shutil.copytree(scene.data, tmp_path / "backup", ignore=shutil.ignore_patterns("run"))
    scene.network = Appliance(data=scene.data)
    for number in range(20):
        await ann.write_post(f"lost {number}")
    await scene.agree(ann, bob)
    before = await scene.noted()
    scene.restart(tmp_path / "backup")
    await scene.agree(ann, bob)
    await ann.write_post("after the restore")
    await bob.write_post("me too")
    await scene.agree(ann, bob)
    await soon(scene.seq, lambda seq: seq > before + 1000)
    assert [
        each for each in await does_the_network_see_us(scene) if not each.startswith("good")
    ] == []


async def does_the_network_see_us(scene: Scene) -> list[str]:
    """Ask as the operator does; give what was seen, the first word being how bad it is."""
    url = f"{scene.network.relay}/xrpc/internal.hearth.relay.checkUpstreams"
    auth = aiohttp.encode_basic_auth("admin", scene.network.operator_token)
    async with scene.http.post(url, headers={"Authorization": auth}) as response:
        assert response.status == 200
        found = (await response.json())["findings"]
    return [f"{finding['level']} {finding['seen']}" for finding in found]


async def hide(scene: Scene, member: Member, *, hidden: bool) -> None:
    await scene.operator().post(
        "com.atproto.admin.updateSubjectStatus",
        subject={"$type": "com.atproto.admin.defs#repoRef", "did": member.did},
        takedown={"applied": hidden},
    )

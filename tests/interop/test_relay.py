"""Our relay between two reference PDSes and a host that lies: what becomes of accounts and lies.

Each party is stopped and started again between the steps of an account's life.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity.plc import sign_operation, update_operation
from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.firehose.events import (
    AccountEvent,
    CommitEvent,
    IdentityEvent,
    RepoEvent,
    SyncEvent,
    parse,
)
from tests.support.appliance import Appliance
from tests.support.client import Client, Member, Operator, join, soon
from tests.support.hosts import TIME, FakeHost, fake_host
from tests.support.node import Consumer, ReferencePds
from tests.support.ports import free_port
from tests.support.stream import frames, subscribed

aside = asyncio.to_thread
pytestmark = pytest.mark.slow

GET_COMMIT = "com.atproto.sync.getLatestCommit"
GET_STATUS = "com.atproto.sync.getRepoStatus"


@dataclass
class Town:
    """Our appliance and two reference PDSes that it follows, each of which can be restarted."""

    http: aiohttp.ClientSession
    folder: Path
    ours: Appliance
    hosts: list[ReferencePds]
    options: list[str]

    @property
    def relay(self) -> Client:
        return Client(self.http, self.ours.relay)

    @property
    def operator(self) -> Operator:
        return Operator(self.http, self.ours.relay, self.ours.operator_token)

    async def restart_ours(self) -> None:
        await aside(self.ours.finish)
        self.ours = await aside(lambda: Appliance(*self.options, data=self.folder / "ours"))

    async def restart(self, number: int) -> None:
        await aside(self.hosts[number].stop)
        self.hosts[number] = await aside(self.hosts[number].again)

    async def agrees(self, did: str, host: ReferencePds) -> None:
        """Wait until the relay holds the same newest commit as the host."""
        theirs = await Client(self.http, host.pds).get(GET_COMMIT, did=did)

        async def ours() -> Any:
            answer = await self.relay.raw("GET", f"/xrpc/{GET_COMMIT}", params={"did": did})
            return answer.json

        await soon(ours, lambda seen: seen == theirs)

    async def stands(self, did: str, status: str | None) -> None:
        """Wait until the relay tells this status of an account."""

        async def told() -> Any:
            answer = await self.relay.raw("GET", f"/xrpc/{GET_STATUS}", params={"did": did})
            return answer.json

        await soon(
            told,
            lambda seen: (seen.get("active"), seen.get("status")) == (status is None, status),
        )

    async def stream(self) -> list[RepoEvent]:
        """Read everything that the relay's stream keeps."""
        found: list[RepoEvent] = []
        async with subscribed(self.http, self.ours.relay, 0) as socket:
            async for frame in frames(self.http, self.ours.relay, socket):
                event = parse(frame)
                assert isinstance(event, RepoEvent)
                found.append(event)
        return found


@pytest.fixture
async def town(http: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Town]:
    ports = [free_port(), free_port()]
    options = [part for port in ports for part in ("--crawl", f"http://localhost:{port}")]
    ours = await aside(lambda: Appliance(*options, data=tmp_path / "ours"))
    hosts = await asyncio.gather(
        *(aside(ReferencePds, ours.plc, tmp_path / f"host{port}", port) for port in ports)
    )
    town = Town(http, tmp_path, ours, [*hosts], options)
    yield town
    for host in town.hosts:
        host.stop()
    town.ours.finish()


async def move(town: Town, member: Member, owner: PrivateKey, to: ReferencePds) -> Member:
    """Move an account as its owner does, with a recovery key of theirs: so its key changes too."""
    http, plc = town.http, Client(town.http, town.ours.plc)
    about = await Client(http, to.pds).get("com.atproto.server.describeServer")
    permit = await member.get(
        "com.atproto.server.getServiceAuth",
        aud=about["did"],
        lxm="com.atproto.server.createAccount",
    )
    fields = {"handle": member.handle, "email": "moved@mail.test", "password": "correct horse"}
    newcomer = Client(http, to.pds, permit["token"])
    session = await newcomer.post("com.atproto.server.createAccount", did=member.did, **fields)
    there = Member(http, to.pds, session)
    car = await member.get("com.atproto.sync.getRepo", did=member.did)
    kind = {"Content-Type": "application/vnd.ipld.car"}
    answer = await there.raw("POST", "/xrpc/com.atproto.repo.importRepo", car, kind)
    assert answer.status == 200, answer
    wanted = await there.get("com.atproto.identity.getRecommendedDidCredentials")
    log = (await plc.raw("GET", f"/{member.did}/log")).json
    operation = update_operation(
        log[-1],
        rotation_keys=[owner.public.did_key, *wanted["rotationKeys"]],
        signing_key=wanted["verificationMethods"]["atproto"],
        pds_url=wanted["services"]["atproto_pds"]["endpoint"],
    )
    async with http.post(
        f"{town.ours.plc}/{member.did}", json=sign_operation(operation, owner)
    ) as told:
        assert told.status == 200, await told.text()
    await there.post("com.atproto.server.activateAccount")
    await member.post("com.atproto.server.deactivateAccount")
    return there


async def test_an_account_lives_and_moves_while_every_party_is_restarted(town: Town) -> None:
    first, second = town.hosts
    owner = PrivateKey.generate()
    zoe = await join(town.http, first.pds, "zoe", recoveryKey=owner.public.did_key)
    witness = Consumer(town.ours.relay, town.ours.plc, 0)
    await zoe.write_post("one")
    await town.agrees(zoe.did, first)
    await town.restart_ours()

    await zoe.post("com.atproto.server.deactivateAccount")
    await town.stands(zoe.did, "deactivated")
    await town.restart(0)
    await zoe.post("com.atproto.server.activateAccount")
    await town.stands(zoe.did, None)
    await zoe.write_post("two")
    await town.agrees(zoe.did, town.hosts[0])

    await town.restart(1)
    moved = await move(town, zoe, owner, town.hosts[1])
    written = await moved.write_post("from the new house, with a new key")
    await town.stands(zoe.did, None)
    await town.agrees(zoe.did, town.hosts[1])
    await town.restart_ours()
    await town.restart(1)
    await moved.write_post("and after everybody went to sleep")
    await town.agrees(zoe.did, town.hosts[1])

    account = await town.operator.get("internal.hearth.relay.getAccount", did=zoe.did)
    assert account["hostname"] == f"localhost:{second.port}"
    listed = await town.relay.get("com.atproto.sync.listHosts")
    counts = {host["hostname"]: host["accountCount"] for host in listed["hosts"]}
    assert (counts[f"localhost:{first.port}"], counts[f"localhost:{second.port}"]) == (0, 1)
    hers = [event for event in await town.stream() if event.did == zoe.did]
    assert [event.seq for event in hers] == sorted({event.seq for event in hers})
    statuses = [(e.active, e.status) for e in hers if isinstance(e, AccountEvent)]
    assert (False, "deactivated") in statuses
    assert statuses[-1] == (True, None)
    paths = {
        f"at://{zoe.did}/{op.path}" for e in hers if isinstance(e, CommitEvent) for op in e.ops
    }
    assert written.uri in paths
    await soon(lambda: _uris(witness), lambda seen: written.uri in seen)
    assert witness.complaints() == []
    witness.stop()


async def _uris(witness: Consumer) -> list[str]:
    return witness.uris()


@asynccontextmanager
async def liar(town: Town) -> AsyncIterator[FakeHost]:
    """A host of bad faith, announced to our relay."""
    async with fake_host(town.folder / "liar.sqlite") as host:
        await town.relay.post("com.atproto.sync.requestCrawl", hostname=host.hostname)
        await soon(lambda: _connections(host), bool)
        yield host


async def _connections(host: FakeHost) -> int:
    return len(host.seen_cursors)


async def test_a_host_that_lies_changes_nothing_for_others_and_little_for_itself(
    town: Town,
) -> None:
    host = town.hosts[0]
    zoe = await join(town.http, host.pds, "zoe")
    for text in ("one", "two", "three"):
        await zoe.write_post(text)
    await town.agrees(zoe.did, host)
    truth = [event for event in await town.stream() if event.did == zoe.did]
    commits = [event for event in truth if isinstance(event, CommitEvent)]
    hers = Did(zoe.did)
    async with liar(town) as lying:
        mallory = lying.own_account("mallory", Clock())
        own = [mallory.post(str(number)) for number in range(4)]
        unnumbered = [replace(event, seq=0) for event in commits]
        await lying.tell(
            *unnumbered,  # somebody else's, again
            replace(unnumbered[0], rev=unnumbered[-1].rev),
            AccountEvent(hers, TIME, False, "deleted"),
            AccountEvent(hers, TIME, False, "takendown"),
            IdentityEvent(hers, TIME, "mallory.test"),
            CommitEvent.of(own[0], TIME),
            CommitEvent.of(own[1], TIME),
            SyncEvent.of(own[0].commit, TIME),  # back in time
            CommitEvent.of(own[0], TIME),
            replace(CommitEvent.of(own[2], TIME), ops=()),  # not all it did
            replace(CommitEvent.of(own[2], TIME), did=hers),
            CommitEvent.of(own[3], TIME),  # prevData is not what we know
        )

        async def told() -> list[RepoEvent]:
            return [event for event in await town.stream() if event.did == mallory.did]

        its = await soon(told, lambda seen: len(seen) >= 3)
        revs = [event.rev for event in its if isinstance(event, CommitEvent)]
        assert revs == [own[0].commit.rev, own[1].commit.rev, own[3].commit.rev]
        assert [event for event in await town.stream() if event.did == zoe.did] == truth
        await town.stands(zoe.did, None)
        kept = await town.operator.get("internal.hearth.relay.listQuarantine", did=mallory.did)
        assert {frame["verdict"] for frame in kept["frames"]} == {"invalid", "rolled_back"}
        # After the break it chains again, and the honest go on unharmed.
        following = mallory.post("and on")
        await lying.tell_commit(following)
        await soon(told, lambda seen: len(seen) >= 4)
        await zoe.write_post("four")
        await town.agrees(zoe.did, host)
        await town.restart_ours()
        await lying.tell_commit(mallory.post("still here"))
        await soon(told, lambda seen: len(seen) >= 5)

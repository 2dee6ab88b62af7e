"""Verification from outside: repos as their CARs tell, streams as their frames tell."""

import asyncio
from dataclasses import dataclass, field

import aiohttp

from appliance.atproto import cbor
from appliance.atproto.car import read_car
from appliance.atproto.crypto import PublicKey
from appliance.atproto.identity.did_doc import DidDocument
from appliance.atproto.repo.commit import parse_commit
from appliance.atproto.repo.mst import Mst
from appliance.firehose.events import CommitEvent, Event, InfoEvent, parse
from appliance.firehose.verify import RepoState, chains, verify_commit
from tests.support.client import Client
from tests.support.stream import frames, subscribed


async def signing_key(http: aiohttp.ClientSession, plc: str, did: str) -> PublicKey:
    """Ask the directory for the key an account signs with."""
    answer = await Client(http, plc).raw("GET", f"/{did}")
    key = DidDocument.parse(answer.json).signing_key
    assert key is not None
    return key


async def verified_repo(
    http: aiohttp.ClientSession, pds: str, did: str, key: PublicKey
) -> tuple[RepoState, dict[str, str]]:
    """Fetch a repo and check every hash, node, record and the signature.

    Returns where it stands, and the CID of each record by path.
    """
    car = read_car(await Client(http, pds).get("com.atproto.sync.getRepo", did=did))
    commit = parse_commit(car.blocks[car.roots[0]])
    assert commit.did == did
    assert commit.verify(key)
    tree = Mst.load(commit.data, car.blocks)
    records = dict(tree.items())
    for path, cid in records.items():
        assert cbor.decode(car.blocks[cid])["$type"] == path.partition("/")[0]
    nodes = {cid for cid, _ in tree.walk()}
    assert set(car.blocks) == {commit.cid, *nodes, *records.values()}
    return RepoState(commit.rev, commit.data), {path: str(cid) for path, cid in records.items()}


def seq_of(event: Event) -> int:
    assert not isinstance(event, InfoEvent), event
    return event.seq


@dataclass
class StreamWitness:
    """Remembers what a stream told, live and again, and that it never said anything else."""

    base: str
    keys: dict[str, PublicKey]
    cursor: int = 0
    states: dict[str, RepoState] = field(default_factory=dict)
    live: dict[int, bytes] = field(default_factory=dict)

    async def listen(self, http: aiohttp.ClientSession, listening: asyncio.Event) -> None:
        """Keep what is told from now on, until the other side is gone."""
        async with subscribed(http, self.base, self.cursor) as socket:
            listening.set()
            async for message in socket:
                if message.type == aiohttp.WSMsgType.BINARY:
                    self.live[seq_of(parse(message.data))] = message.data

    async def catch_up(self, http: aiohttp.ClientSession) -> None:
        """Read on from where it stood; what was heard live must be told again, byte for byte."""
        told: dict[int, bytes] = {}
        async with subscribed(http, self.base, self.cursor) as socket:
            async for frame in frames(http, self.base, socket):
                event = parse(frame)
                assert seq_of(event) > self.cursor, "seq went back"
                self.cursor = seq_of(event)
                told[self.cursor] = frame
                if isinstance(event, CommitEvent):
                    self._follow(event)
        assert {seq: told.get(seq) for seq in self.live} == self.live
        self.live.clear()

    def _follow(self, event: CommitEvent) -> None:
        before = self.states.get(event.did)
        assert chains(event, before), f"a commit without its event, before {event.rev}"
        self.states[event.did] = verify_commit(event, before, self.keys[event.did])

"""Everything that reads bytes of strangers, with samples of what it takes and how it refuses.

A decoder may answer, or raise what its description says: anything else is a fault of ours.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Interface
from types import SimpleNamespace
from typing import Any, Final

from dns.exception import DNSException
from dns.message import QueryMessage, from_wire, make_query, make_response
from dns.name import from_text as dns_name
from dns.rdataclass import IN
from dns.rdatatype import TXT
from dns.resolver import Answer
from dns.rrset import from_text as rrset
from zeroconf import ServiceInfo
from zeroconf._cache import DNSCache
from zeroconf._protocol.incoming import DNSIncoming
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.const import _FLAGS_AA, _FLAGS_QR_RESPONSE

from appliance.atproto import cbor, cbor_python
from appliance.atproto.car import CarReader, InvalidCar, read_car
from appliance.atproto.cid import Cid, InvalidCid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.data import record_json, to_json
from appliance.atproto.repo.commit import InvalidCommitObject, parse_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.mst_node import InvalidMst
from appliance.atproto.repo.mst_stream import checked_items
from appliance.atproto.repo.proof import InvalidCommit, verify_slice
from appliance.atproto.tid import TidClock
from appliance.atproto.xrpc.frames import InvalidFrame, decode_frame, unnumbered, with_seq
from appliance.firehose.events import CommitEvent, InvalidEvent, SyncEvent, parse
from appliance.firehose.verify import verify_commit, verify_sync
from appliance.neighbours.announce import HEARTH, Announcer, Notice
from appliance.neighbours.sightings import Sightings
from appliance.relay.jetstream.items import items_of
from tests.support.repo_author import RepoAuthor

APART: Final = b"\xff\x00\xfe"  # between the blocks of a sample of several


@dataclass(frozen=True)
class Decoder:
    """Something that reads: by which name, with what, how it says no, what it takes.

    `weight` is how many of the inputs it gets: more for what is quick, or meets more strangers.
    """

    name: str
    read: Callable[[bytes], object]
    refuses: tuple[type[Exception], ...]
    samples: Sequence[bytes]
    weight: int = 2


def binary_decoders() -> list[Decoder]:
    """Make all that read bytes."""
    author = known_author()
    events = _events(author)
    frames = [event.frame() for event in events]
    values = [*frames, *(cbor.encode(value) for value in _VALUES)]
    archive = author.car()
    blocks = dict(author.repo.tree.walk())
    commits = [event for event in events if isinstance(event, CommitEvent)]
    slices = [APART.join(read_car(event.blocks).blocks.values()) for event in commits]
    records = [cbor.encode(value) for value in _VALUES[:2]]
    assert author.repo.head is not None
    both = (cbor.InvalidCbor, InvalidCar, InvalidCid)
    return [
        Decoder("DAG-CBOR, both forms", _both_forms, (), values, 8),
        Decoder("DAG-CBOR, first value", cbor.decode_prefix, (cbor.InvalidCbor,), values),
        Decoder("record", record_json, (cbor.InvalidCbor,), records),
        Decoder("CID", Cid, both, [bytes(author.repo.tree.root)], 1),
        Decoder("CID as text", _cid_text, both, [str(author.repo.tree.root).encode()], 1),
        Decoder("CAR", read_car, both, [archive, commits[0].blocks], 4),
        Decoder("CAR in pieces", _in_pieces, both, [archive, commits[1].blocks], 2),
        Decoder("tree node", partial(_tree, blocks), (InvalidMst,), [*blocks.values()], 4),
        Decoder("blocks of a commit", partial(_slice, commits), (InvalidCommit,), slices, 3),
        Decoder("commit object", parse_commit, (InvalidCommitObject,), [author.repo.head.block]),
        Decoder("frame", decode_frame, (InvalidFrame,), frames, 4),
        Decoder("number of a frame", _numbered, (InvalidFrame,), frames),
        Decoder("event", partial(_event, author), (InvalidEvent,), frames, 6),
        Decoder("DNS answer", _dns, (DNSException, ValueError, struct.error), _dns_samples()),
        Decoder("mDNS packet", _Home().hears, (), _mdns_samples(), 3),
    ]


def known_author() -> RepoAuthor:
    """Make the author who is the same in every run."""
    author = RepoAuthor("alice")
    author.key = PrivateKey.from_bytes("k256", b"\3" * 32)
    author._tids = TidClock(author._now_us, 1)
    return author


_LINK: Final = Cid.for_block(b"x")
_VALUES: Final[Sequence[Any]] = (
    {"$type": "app.bsky.feed.post", "text": "a fox 🦊", "langs": ["en"], "n": 2**53 - 1},
    {"blob": {"$type": "blob", "ref": _LINK, "size": 1, "mimeType": "image/png"}, "b": b"\0\1"},
    [[[[{}], -1], None], True, False, "", b"", 1.5],
    {"deep": {"deep": {"deep": {"deep": [_LINK, {"a": 1}]}}}},
)


def _events(author: RepoAuthor) -> list[Any]:
    said = [author.post(f"fox {number}", f"3fox{number}") for number in range(60)]
    like = author.create("app.bsky.feed.like", subject={"uri": "at://a.test/b/c", "cid": "x"})
    gone = author.delete("app.bsky.feed.post/3fox7")
    others = [author.sync(), author.account(False, "deactivated"), author.identity()]
    return [*said[-2:], like, gone, *others]


def _both_forms(data: bytes) -> object:
    """Read with both codecs, which must say the same; what was read is written as it was."""
    told: list[object] = []
    for codec in (cbor, cbor_python):
        try:
            told.append(codec.decode(data))
        except cbor.InvalidCbor:
            told.append(cbor.InvalidCbor)
    assert repr(told[0]) == repr(told[1]), told
    if told[0] is not cbor.InvalidCbor:
        assert cbor.encode(told[0]) == data
        to_json(told[0])
    return told[0]


def _cid_text(data: bytes) -> object:
    return Cid.parse(data.decode("utf-8", "replace"))


def _in_pieces(data: bytes) -> None:
    reader = CarReader()
    size = 1 + len(data) % 97
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
    reader.finish()


def _tree(blocks: dict[Cid, bytes], data: bytes) -> object:
    """Take the bytes for the root of a tree that has other nodes below it; its name is right."""
    root = Cid.for_block(data)
    whole = {**blocks, root: data}
    items = list(checked_items(root, whole))
    assert items == list(Mst.load(root, whole).items())
    assert sorted(path for path, _ in items) == [path for path, _ in items]
    return items


def _slice(commits: Sequence[CommitEvent], data: bytes) -> object:
    """Take the bytes for blocks that are named as they should be: no hash keeps them out."""
    blocks = {Cid.for_block(block): block for block in data.split(APART)}
    root = next(iter(blocks))
    event = next((event for event in commits if event.commit == root), commits[len(data) % 4])
    return verify_slice(blocks, root, event.ops, event.prev_data)


def _numbered(data: bytes) -> object:
    changed = with_seq(data, 7)
    assert unnumbered(changed).numbered(7) == changed
    return changed


def _event(author: RepoAuthor, data: bytes) -> object:
    event = parse(data)
    if isinstance(event, CommitEvent):
        verify_commit(event, None, author.key.public)
        return items_of(1, 1, data)
    if isinstance(event, SyncEvent):
        return verify_sync(event, None, author.key.public)
    return event


def _dns_samples() -> list[bytes]:
    query = make_query("_atproto.alice.test", TXT)
    answer = make_response(query)
    answer.answer.append(rrset("_atproto.alice.test.", 60, IN, TXT, '"did=did:plc:a" "b"'))
    return [answer.to_wire(), make_response(query).to_wire(), query.to_wire()]


def _dns(data: bytes) -> object:
    """Read what a name server says as the resolver does, which takes no other error amiss."""
    message = from_wire(data)
    if not isinstance(message, QueryMessage):
        return None
    answer = Answer(dns_name("_atproto.alice.test."), TXT, IN, message)
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def _mdns_samples() -> list[bytes]:
    packets = []
    for name, port in (("Ann 0123456789", 1), ("Bob", 443)):
        info = ServiceInfo(
            HEARTH,
            f"{name}.{HEARTH}",
            port=port,
            properties={"v": "1", "did": "did:plc:a", "key": "ab" * 32},
            server="ann.local.",
            addresses=[bytes((192, 168, 1, 9))],
        )
        out = DNSOutgoing(_FLAGS_QR_RESPONSE | _FLAGS_AA)
        for record in (info.dns_pointer(), info.dns_service(), info.dns_text()):
            out.add_answer_at_time(record, 0)
        for address in info.dns_addresses():
            out.add_answer_at_time(address, 0)
        packets += out.packets()
    return packets


class _Home:
    """A house that hears what is said by multicast, without a network."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._sightings = Sightings("00" * 32, lambda _key: False, lambda: self._seconds)
        self._announcer = Announcer(Notice("A", "a", "did:plc:a", "cd" * 32, 1, 2), self._sightings)
        self._announcer._links = [IPv4Interface("192.168.1.2/24")]

    def hears(self, data: bytes) -> object:
        """Take a packet; whatever it says, what is shown is bounded and plain."""
        self._seconds += 60.0
        packet = DNSIncoming(data)
        records = packet.answers() if packet.valid else []
        home = SimpleNamespace(cache=DNSCache())
        home.cache.async_add_records(records)
        for record in records:
            name = getattr(record, "alias", record.name)
            if name.endswith(HEARTH):
                self._announcer._changed(name=name, state_change=SimpleNamespace(name="Added"))
        while self._announcer._pending:
            self._announcer._read_some(home)
        seen = self._sightings.all()
        assert len(seen) <= 128
        assert all(len(one.name) <= 64 and one.name.isprintable() for one in seen)
        return seen

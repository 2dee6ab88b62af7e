"""What a check is shown on: a relay that knows one account, and frames made by hand for it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from appliance.atproto import cbor
from appliance.atproto.car import write_car
from appliance.atproto.cid import Cid
from appliance.atproto.repo.repo import CommitSlice, RecordWrite
from appliance.atproto.xrpc.frames import decode_frame, encode_frame, with_seq
from appliance.firehose.events import CommitEvent, RepoEvent
from appliance.relay.hosts import Host
from tests.relay.conftest import Lab, Running
from tests.support.hosts import TIME, FakeAccount

HOME = 1
OTHER = "localhost:9"


@dataclass
class Scene:
    """A relay that follows two hosts; alice lives at the first, and her first commit is known."""

    lab: Lab
    running: Running
    alice: FakeAccount
    seqs: dict[int, int] = field(default_factory=dict)

    @classmethod
    async def open(cls, lab: Lab, running: Running) -> "Scene":
        hosts = running.role.hosts
        for host in hosts.active():  # what follows is handed over by hand
            await running.role.crawler.leave(host.id)
        await hosts.add(OTHER, f"http://{OTHER}", waiting=False, whole=True)
        scene = cls(lab, running, lab.account("alice"))
        await scene.passes(scene.commit(scene.alice.post("first")))
        return scene

    @property
    def other(self) -> int:
        host = self.running.role.hosts.find(OTHER)
        assert host is not None
        return host.id

    def host(self, host_id: int = HOME) -> Host:
        return self.running.role.hosts.by_id(host_id)

    def commit(self, news: CommitSlice, **changes: Any) -> bytes:
        """The frame of a commit, with some fields of its event changed."""
        return replace(CommitEvent.of(news, TIME), **changes).frame()

    def numbered(self, frame: bytes, host_id: int = HOME) -> bytes:
        self.seqs[host_id] = self.seqs.get(host_id, 0) + 1
        return with_seq(frame, self.seqs[host_id])

    async def send(self, *frames: bytes, host_id: int = HOME) -> Counter[str]:
        """Hand frames over as a host's; tell what was counted."""
        before = Counter(self.running.role.ingest.counts)
        await self.running.role.ingest.take(self.host(host_id), frames)
        return Counter(self.running.role.ingest.counts) - before

    async def passes(self, frame: bytes, host_id: int = HOME, gap: bool = False) -> bytes:
        """Send a frame that must come out as it went in, but for its number."""
        log = self.running.role.log
        head = log.head()
        counted = await self.send(self.numbered(frame, host_id), host_id=host_id)
        assert counted["published_with_gap" if gap else "published"] == 1, counted
        [(seq, told)] = log.after(head)
        assert told == with_seq(frame, seq)
        return told

    async def fails(self, frame: bytes, verdict: str, host_id: int = HOME) -> str:
        """Send a frame that must not come out; give the reason kept with it, if it was kept."""
        log = self.running.role.log
        head, kept = log.head(), self.newest_kept()
        counted = await self.send(self.numbered(frame, host_id), host_id=host_id)
        assert counted == {verdict: 1}, counted
        assert log.head() == head
        after = self.newest_kept()
        if after is None or after == kept:
            return ""
        found, raw = self.running.role.quarantine.find(after)
        assert found.verdict == verdict
        assert raw == with_seq(frame, self.seqs[host_id])
        return found.reason

    def newest_kept(self) -> int | None:
        page = self.running.role.quarantine.page(None, 1 << 60, 1)
        return page[0].id if page else None

    def told(self, after: int) -> list[bytes]:
        return [frame for _, frame in self.running.role.log.after(after)]


def edited(frame: bytes, **changes: Any) -> bytes:
    """Write a frame with some fields of its body changed; None takes a field away."""
    decoded = decode_frame(frame)
    assert decoded.t is not None
    body = {**decoded.body, **changes}
    return encode_frame(decoded.t, {key: value for key, value in body.items() if value is not None})


def forged(
    account: FakeAccount,
    news: CommitSlice,
    commit: Mapping[str, Any] | None = None,
    without: Sequence[Cid] = (),
    **changes: Any,
) -> bytes:
    """Write the frame of a commit whose own object has other fields, and is signed as it is."""
    fields = {**cbor.decode(news.commit.block), **(commit or {})}
    sig = fields.pop("sig")
    if commit is not None and "sig" not in commit:
        sig = account.key.sign(cbor.encode(fields))
    block = cbor.encode({**fields, "sig": sig})
    cid = Cid.for_block(block)
    rest = [pair for pair in news.blocks.items() if pair[0] != news.commit.cid]
    blocks = write_car(cid, [(cid, block), *(pair for pair in rest if pair[0] not in without)])
    return replace(
        CommitEvent.of(news, TIME), **{"commit": cid, "blocks": blocks, **changes}
    ).frame()


def record(text: str = "hello", **fields: Any) -> bytes:
    return cbor.encode({"$type": "app.bsky.feed.post", "text": text, "createdAt": TIME, **fields})


def write(
    account: FakeAccount, rkey: str, block: bytes | None, action: Any = "create"
) -> CommitSlice:
    return account.commit(RecordWrite(action, f"app.bsky.feed.post/{rkey}", block))


def frame_of(event: RepoEvent) -> bytes:
    return event.frame()


Check = Callable[[Scene], Awaitable[None]]
CHECKS: dict[int, tuple[str, Check]] = {}


def check(number: int) -> Callable[[Check], Check]:
    """Declare the demonstration of a check; its name says what is checked."""

    def declare(shown: Check) -> Check:
        assert number not in CHECKS
        CHECKS[number] = shown.__name__, shown
        return shown

    return declare

"""The messages of subscribeRepos as values, and as frames.

https://atproto.com/specs/sync#firehose
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from appliance.atproto.car import write_car
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PublicKey
from appliance.atproto.repo.commit import Commit
from appliance.atproto.repo.repo import Action, CommitSlice, RecordOp
from appliance.atproto.syntax import Did, Handle, InvalidSyntax
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.frames import (
    ERROR,
    MAX_SEQ,
    Frame,
    InvalidFrame,
    Unnumbered,
    decode_frame,
    encode_frame,
    encode_unnumbered,
)

MAX_FRAME_BYTES = 5_000_000
MAX_BLOCKS_BYTES = 2_000_000
MAX_FIELDS = 100
MAX_STATUS = 100

_ACTIONS: dict[str, Action] = {"create": "create", "update": "update", "delete": "delete"}


class InvalidEvent(ValueError):
    """A frame or event fails a check; the message names the check."""

    xrpc_name = "InvalidRequest"


class UnknownEvent(InvalidEvent):
    """A well-formed message of a type this version does not know; to be ignored."""


class InvalidSeq(InvalidEvent):
    """A number that no stream can have: whatever follows it could not be put in order."""


class UpstreamError(InvalidEvent):
    """An error frame: the other side ends the stream. `name` is its error name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}" if message else name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Made:
    """What this process knows of a commit because it made it (see `own_frames`).

    key: whose signature it carries. data: the root of its tree. blocks: those of its archive.
    checked: the records that were measured by their lexicons.
    """

    key: PublicKey
    data: Cid
    blocks: Mapping[Cid, bytes]
    frame: Unnumbered
    checked: frozenset[Cid] = frozenset()


@dataclass(frozen=True, slots=True)
class CommitEvent:
    """Records of one account changed. `blocks` is a CAR with the commit as its root.

    `seq` 0 is an event that has no number yet. `legacy`: it sets a flag of an older protocol, which
    means nothing any more. `made` is never read from a frame.
    """

    kind: ClassVar = "commit"

    did: Did
    rev: Tid
    since: Tid | None
    commit: Cid
    prev_data: Cid | None
    ops: tuple[RecordOp, ...]
    blocks: bytes
    time: str
    seq: int = 0
    legacy: bool = False
    made: Made | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, news: CommitSlice, time: str) -> "CommitEvent":
        """Make the event that tells of a commit."""
        commit = news.commit
        return cls(
            did=commit.did,
            rev=commit.rev,
            since=news.since,
            commit=commit.cid,
            prev_data=news.prev_data,
            ops=news.ops,
            blocks=write_car(commit.cid, news.blocks.items()),
            time=time,
        )

    def unnumbered(self) -> Unnumbered:
        """Give the frame but for its number."""
        before = {"ops": [_op_fields(op) for op in self.ops], "rev": str(self.rev)}
        after: dict[str, Any] = {
            "repo": str(self.did),
            "time": str(self.time),
            "blobs": [],
            "since": None if self.since is None else str(self.since),
            "blocks": self.blocks,
            "commit": self.commit,
            "rebase": False,
            "tooBig": False,
        }
        if self.prev_data is not None:
            after["prevData"] = self.prev_data
        return encode_unnumbered("#commit", before, after)

    def frame(self) -> bytes:
        return self.unnumbered().numbered(self.seq)


@dataclass(frozen=True, slots=True)
class SyncEvent:
    """An account's repo is now at this commit, whatever it was. `blocks`: CAR of the commit."""

    kind: ClassVar = "sync"

    did: Did
    rev: Tid
    blocks: bytes
    time: str
    seq: int = 0

    @classmethod
    def of(cls, commit: Commit, time: str) -> "SyncEvent":
        """Make the event that tells where a repo stands."""
        blocks = write_car(commit.cid, [(commit.cid, commit.block)])
        return cls(commit.did, commit.rev, blocks, time)

    def frame(self) -> bytes:
        body = {
            "seq": self.seq,
            "did": str(self.did),
            "blocks": self.blocks,
            "rev": str(self.rev),
            "time": str(self.time),
        }
        return encode_frame("#sync", body)


@dataclass(frozen=True, slots=True)
class IdentityEvent:
    """An account's DID document or handle may have changed."""

    kind: ClassVar = "identity"

    did: Did
    time: str
    handle: str | None = None
    seq: int = 0

    def frame(self) -> bytes:
        body: dict[str, Any] = {"seq": self.seq, "did": str(self.did), "time": str(self.time)}
        if self.handle is not None:
            body["handle"] = str(self.handle)
        return encode_frame("#identity", body)


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """An account's hosting status changed. `status` says why it is not active."""

    kind: ClassVar = "account"

    did: Did
    time: str
    active: bool
    status: str | None = None
    seq: int = 0

    def frame(self) -> bytes:
        body: dict[str, Any] = {
            "seq": self.seq,
            "did": str(self.did),
            "time": str(self.time),
            "active": self.active,
        }
        if self.status is not None:
            body["status"] = self.status
        return encode_frame("#account", body)


@dataclass(frozen=True, slots=True)
class InfoEvent:
    """A word of the other side about the stream itself, such as OutdatedCursor; has no seq."""

    kind: ClassVar = "info"

    name: str
    message: str | None = None

    def frame(self) -> bytes:
        body = {"name": self.name}
        if self.message is not None:
            body["message"] = self.message
        return encode_frame("#info", body)


RepoEvent: TypeAlias = CommitEvent | SyncEvent | IdentityEvent | AccountEvent
Event: TypeAlias = RepoEvent | InfoEvent


def parse(data: bytes) -> Event:
    """Read one frame; unknown fields are left aside.

    Checks: sizes, form of the frame, presence, type and syntax of every field that is used.
    Does not check: what the blocks hold (see `verify`).
    Raises InvalidEvent, UnknownEvent for another type of message, UpstreamError for an error frame.
    """
    if len(data) > MAX_FRAME_BYTES:
        raise InvalidEvent("the frame is larger than 5 MB")
    try:
        frame = decode_frame(data)
    except InvalidFrame as error:
        raise InvalidEvent(str(error)) from error
    if frame.op == ERROR:
        raise _upstream_error(frame)
    reader = _READERS.get(frame.t or "")
    if reader is None:
        raise UnknownEvent(f"unknown message {(frame.t or '')[:50]!r}")
    if len(frame.body) > MAX_FIELDS:
        raise InvalidEvent(f"the message has more than {MAX_FIELDS} fields")
    try:
        return reader(_Fields(frame.body))
    except (InvalidSyntax, KeyError) as error:
        raise InvalidEvent(f"{frame.t}: {error}") from error


def _upstream_error(frame: Frame) -> UpstreamError:
    name, message = frame.body.get("error"), frame.body.get("message")
    return UpstreamError(
        name[:100] if isinstance(name, str) else "Unknown",
        message[:200] if isinstance(message, str) else "",
    )


def _op_fields(op: RecordOp) -> dict[str, Any]:
    fields: dict[str, Any] = {"action": op.action, "path": op.path, "cid": op.cid}
    if op.prev is not None:
        fields["prev"] = op.prev
    return fields


class _Fields:
    """The body of a message, read by name and type."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = body

    def text(self, name: str) -> str:
        value = self._body.get(name)
        if type(value) is not str:
            raise InvalidEvent(f"{name} is not a text")
        return value

    def optional_text(self, name: str) -> str | None:
        return None if self._body.get(name) is None else self.text(name)

    def data(self, name: str) -> bytes:
        value = self._body.get(name)
        if type(value) is not bytes:
            raise InvalidEvent(f"{name} is not bytes")
        return value

    def is_true(self, name: str) -> bool:
        return self._body.get(name) is True

    def flag(self, name: str) -> bool:
        value = self._body.get(name)
        if type(value) is not bool:
            raise InvalidEvent(f"{name} is neither true nor false")
        return value

    def link(self, name: str) -> Cid | None:
        value = self._body.get(name)
        if value is not None and type(value) is not Cid:
            raise InvalidEvent(f"{name} is not a link")
        return value

    def seq(self) -> int:
        value = self._body.get("seq")
        if type(value) is not int or not 0 <= value <= MAX_SEQ:
            raise InvalidSeq("seq is not a number below 2^53")
        return value

    def ops(self) -> tuple[RecordOp, ...]:
        value = self._body.get("ops")
        if type(value) is not list:
            raise InvalidEvent("ops is not a list")
        return tuple(_op(each) for each in value)


def _op(value: object) -> RecordOp:
    if type(value) is not dict:
        raise InvalidEvent("an operation is not a map")
    fields = _Fields(value)
    action = _ACTIONS.get(fields.text("action"))
    if action is None:
        raise InvalidEvent("an operation has an unknown action")
    return RecordOp(action, fields.text("path"), fields.link("cid"), fields.link("prev"))


def _commit(fields: _Fields) -> CommitEvent:
    since = fields.optional_text("since")
    commit = fields.link("commit")
    if commit is None:
        raise InvalidEvent("commit is not a link")
    return CommitEvent(
        did=Did(fields.text("repo")),
        rev=Tid(fields.text("rev")),
        since=None if since is None else Tid(since),
        commit=commit,
        prev_data=fields.link("prevData"),
        ops=fields.ops(),
        blocks=fields.data("blocks"),
        time=fields.text("time"),
        seq=fields.seq(),
        legacy=fields.is_true("tooBig") or fields.is_true("rebase"),
    )


def _sync(fields: _Fields) -> SyncEvent:
    return SyncEvent(
        did=Did(fields.text("did")),
        rev=Tid(fields.text("rev")),
        blocks=fields.data("blocks"),
        time=fields.text("time"),
        seq=fields.seq(),
    )


def _identity(fields: _Fields) -> IdentityEvent:
    handle = fields.optional_text("handle")
    return IdentityEvent(
        did=Did(fields.text("did")),
        time=fields.text("time"),
        handle=None if handle is None else Handle(handle),
        seq=fields.seq(),
    )


def _account(fields: _Fields) -> AccountEvent:
    status = fields.optional_text("status")
    if status is not None and len(status) > MAX_STATUS:
        raise InvalidEvent("status is longer than 100 characters")
    return AccountEvent(
        did=Did(fields.text("did")),
        time=fields.text("time"),
        active=fields.flag("active"),
        status=status,
        seq=fields.seq(),
    )


def _info(fields: _Fields) -> InfoEvent:
    return InfoEvent(fields.text("name"), fields.optional_text("message"))


_READERS: dict[str, Callable[[_Fields], Event]] = {
    "#commit": _commit,
    "#sync": _sync,
    "#identity": _identity,
    "#account": _account,
    "#info": _info,
}

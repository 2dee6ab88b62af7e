"""The labels that stand, and the stream of all that was ever said: one transaction for both."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from appliance.atproto import labels
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.syntax import AtUri, Datetime, Did, InvalidSyntax, JsonObject
from appliance.atproto.xrpc.frames import encode_frame
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.firehose import event_log

# Times of labels are written in milliseconds, and the later of two has to be told from the first.
TICK_US: Final = 1000
MOST_PATTERNS: Final = 250
# The same value for all of them: beyond every character that an address may have.
_BEYOND: Final = "\U0010ffff"
_VALUE: Final = re.compile(r"!?[a-z][a-z0-9-]{0,98}", re.ASCII)


class InvalidLabel(ValueError):
    """A label that cannot be put: its subject, value or time is wrong."""

    xrpc_name = "InvalidRequest"


class LabelNotFound(LookupError):
    """There is no such label that could be taken back."""

    xrpc_name = "LabelNotFound"


class InvalidPattern(ValueError):
    """A pattern with a `*` elsewhere than at its end, or too many patterns."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True)
class Wish:
    """A label to be put, or taken back (neg)."""

    uri: str
    val: str
    cid: str | None = None
    exp: Datetime | None = None
    neg: bool = False


@dataclass(frozen=True)
class Standing:
    """A label that stands, as JSON, by its row."""

    id: int
    json: bytes


class LabelStore:
    """The labels of this labeler."""

    def __init__(self, db: Database, clock: Clock, key: PrivateKey) -> None:
        self._db = db
        self._clock = clock
        self._key = key

    async def put(self, src: Did, wish: Wish) -> JsonObject:
        """Sign a label and tell it; give it as JSON shows it. Raises InvalidLabel, LabelNotFound.

        Whether its value is one of this labeler's is not checked.
        """
        check(wish, self._clock.now_us())
        return await self._db.write(_put, (src, self._key), wish, self._clock.now_us())

    async def query(
        self, patterns: Sequence[str], after: int, limit: int, *, negated: bool = False
    ) -> list[Standing]:
        """Give what stands on whole addresses or those that begin like `at://did:plc:abc/*`.

        In order of id, `after` is one; what has expired is left out. Raises InvalidPattern.
        """
        ranges = [span(pattern) for pattern in patterns]
        if len(ranges) > MOST_PATTERNS:
            raise InvalidPattern(f"more than {MOST_PATTERNS} patterns")
        now = self._clock.now_us()
        return await self._db.scan(_query, ranges, (after, limit), now, negated)

    async def count(self) -> int:
        """Count what stands."""
        return await self._db.scan(_count)


def check(wish: Wish, now_us: int) -> None:
    """Check all of a label that can be checked by looking at it. Raises InvalidLabel."""
    if not _VALUE.fullmatch(wish.val):
        raise InvalidLabel("a label is of small letters, digits and hyphens, perhaps after a '!'")
    try:
        if wish.uri.startswith("at://"):
            if wish.uri.count("/") != 4 or not AtUri(wish.uri).authority.startswith("did:"):
                raise InvalidLabel("an at:// address that is labelled names a record by its DID")
        else:
            Did(wish.uri)
    except InvalidSyntax as bad:
        raise InvalidLabel(f"a label is put on a DID or on an at:// address: {bad}") from bad
    if wish.exp is not None and wish.exp.to_us() <= now_us:
        raise InvalidLabel("the label would have expired already")


def span(pattern: str) -> tuple[str, str]:
    """Give the first address of a pattern, and what comes after its last. Raises InvalidPattern."""
    front, star, rest = pattern.partition("*")
    if rest:
        raise InvalidPattern("only the end of a pattern may be *")
    return front, front + _BEYOND if star else f"{front}\0"


def _put(conn: Connection, by: tuple[Did, PrivateKey], wish: Wish, now_us: int) -> JsonObject:
    src, key = by
    row = conn.row("SELECT cts_us, neg FROM label WHERE uri = ? AND val = ?", wish.uri, wish.val)
    if wish.neg and (row is None or row[1]):
        raise LabelNotFound(f"there is no label {wish.val} on {wish.uri}")
    cts_us = now_us if row is None else max(now_us, row[0] + TICK_US)
    cts_us -= cts_us % TICK_US
    label: JsonObject = {"src": str(src), "uri": str(wish.uri), "val": wish.val}
    label["cts"] = str(Datetime.from_us(cts_us))
    if wish.cid is not None:
        label["cid"] = wish.cid
    if wish.exp is not None:
        label["exp"] = str(wish.exp)
    if wish.neg:
        label["neg"] = True
    signed = labels.sign(label, key)
    shown = labels.as_json(signed)
    conn.execute(
        "INSERT INTO label (uri, val, neg, cts_us, exp_us, label) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET neg = excluded.neg, cts_us = excluded.cts_us,"
        " exp_us = excluded.exp_us, label = excluded.label",
        (
            wish.uri,
            wish.val,
            int(wish.neg),
            cts_us,
            None if wish.exp is None else wish.exp.to_us(),
            orjson.dumps(shown).decode(),
        ),
    )
    event_log.append(
        conn, src, "labels", encode_frame("#labels", {"seq": 0, "labels": [signed]}), now_us
    )
    return shown


def _query(
    conn: Connection,
    ranges: list[tuple[str, str]],
    page: tuple[int, int],
    now_us: int,
    negated: bool,
) -> list[Standing]:
    after, limit = page
    rows = conn.rows(
        "SELECT DISTINCT l.id, l.label FROM json_each(?) j JOIN label l"
        " ON l.uri >= j.value ->> 0 AND l.uri < j.value ->> 1"
        " WHERE l.id > ? AND (? OR (l.neg = 0 AND (l.exp_us IS NULL OR l.exp_us > ?)))"
        " ORDER BY l.id LIMIT ?",
        orjson.dumps(ranges).decode(),
        after,
        negated,
        now_us,
        limit,
    )
    return [Standing(number, label.encode()) for number, label in rows]


def _count(conn: Connection) -> int:
    return int(conn.value("SELECT count(*) FROM label WHERE neg = 0"))

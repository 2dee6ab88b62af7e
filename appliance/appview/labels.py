"""Labels: what labelers say of accounts and records; the latest word of each stands."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import orjson

from appliance.atproto.syntax import Datetime, JsonObject
from appliance.base.connection import Connection

# What a labeler says of one subject are a few values.
MOST_VALUES: Final = 20
_SHOWN: Final = ("ver", "src", "uri", "cid", "val", "neg", "cts", "exp")


def put(conn: Connection, label: JsonObject) -> bool:
    """Store a label (com.atproto.label.defs#label, valid, its signature checked by the caller).

    Of several for one subject, labeler and value the newest by `cts` stands, also when it negates,
    and of two of the same moment the one that comes later. Tells whether this one does.
    """
    said = {name: label[name] for name in _SHOWN if name in label}
    expires = label.get("exp")
    conn.execute(
        "INSERT INTO label (uri, src, val, cid, neg, cts_us, exp_us, label)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET cid = excluded.cid,"
        " neg = excluded.neg, cts_us = excluded.cts_us, exp_us = excluded.exp_us,"
        " label = excluded.label WHERE excluded.cts_us >= cts_us",
        (
            label["uri"],
            label["src"],
            label["val"],
            label.get("cid"),
            int(bool(label.get("neg"))),
            _us(label["cts"]),
            None if expires is None else _us(expires),
            orjson.dumps(said).decode(),
        ),
    )
    return conn.changes() == 1


def put_told(
    conn: Connection, src: str, told: Sequence[JsonObject], cursor: int, *, most: int | None
) -> int:
    """Store what a labeler's stream told, with the place behind it; give how many stand.

    `most`: of a labeler that is not ours only what is about accounts we know is kept, and no more
    than so many subjects and values, of which one subject has few.
    """
    source = stream_name(src)
    kept = [one for one in told if most is None or _is_known(conn, one["uri"])]
    if most is not None and kept and count(conn, src) + len(kept) > most:
        kept = [one for one in kept if _stands(conn, one)]
    stored = sum(put(conn, one) for one in kept if most is None or _has_room(conn, one))
    conn.execute(
        "INSERT INTO stream (source, cursor) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET cursor = excluded.cursor",
        (source, cursor),
    )
    return stored


def put_answered(
    conn: Connection, src: str, asked: Sequence[str], found: Sequence[JsonObject], most: int
) -> None:
    """Store what a labeler answered about subjects: it says no more of them than this.

    No more than `most` in all, and of one subject few.
    """
    found = _few_of_each(found)
    said = {(one["uri"], one["val"]) for one in found}
    for uri, value in conn.rows(
        "SELECT l.uri, l.val FROM json_each(?) j CROSS JOIN label l"
        " ON l.uri = j.value AND l.src = ?",
        orjson.dumps(asked).decode(),
        src,
    ):
        if (uri, value) not in said:
            conn.execute(
                "DELETE FROM label WHERE uri = ? AND src = ? AND val = ?", (uri, src, value)
            )
    if count(conn, src) + len(found) <= most:
        for one in found:
            put(conn, one)


def _few_of_each(found: Sequence[JsonObject]) -> list[JsonObject]:
    """Keep the first that are said of each subject."""
    of_subject: Counter[str] = Counter()
    kept = []
    for one in found:
        of_subject[one["uri"]] += 1
        if of_subject[one["uri"]] <= MOST_VALUES:
            kept.append(one)
    return kept


def count(conn: Connection, src: str) -> int:
    """Count what a labeler said."""
    return int(conn.value("SELECT count(*) FROM label WHERE src = ?", src))


def stream_name(src: str) -> str:
    """Name the stream of a labeler, as the table of cursors has it."""
    return f"labels {src}"


def start_over(conn: Connection, src: str) -> None:
    """Read a labeler's stream from its beginning again."""
    conn.execute("DELETE FROM stream WHERE source = ?", (stream_name(src),))


def _is_known(conn: Connection, uri: str) -> bool:
    """Whether a label is about an account we know, or a record of one."""
    did = uri.removeprefix("at://").partition("/")[0]
    return conn.value("SELECT 1 FROM actor WHERE did = ?", did) is not None


def _has_room(conn: Connection, label: JsonObject) -> bool:
    """Whether a subject can bear one more value of its labeler: each of its posts shows all."""
    found = conn.value(
        "SELECT count(*) FROM label WHERE uri = ? AND src = ?", label["uri"], label["src"]
    )
    return found < MOST_VALUES or _stands(conn, label)


def _stands(conn: Connection, label: JsonObject) -> bool:
    place = (label["uri"], label["src"], label["val"])
    found = conn.value("SELECT 1 FROM label WHERE uri = ? AND src = ? AND val = ?", *place)
    return found is not None


def forget(conn: Connection, src: str) -> None:
    """Delete everything a labeler said, when nobody here listens to it any more."""
    conn.execute("DELETE FROM label WHERE src = ?", (src,))


def _us(text: Any) -> int:
    return Datetime.unchecked(text).to_us()

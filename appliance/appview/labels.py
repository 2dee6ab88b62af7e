"""Labels: what labelers say of accounts and records; the latest word of each stands."""

from typing import Any

import orjson

from appliance.atproto.syntax import Datetime, JsonObject
from appliance.base.connection import Connection


def put(conn: Connection, label: JsonObject) -> bool:
    """Store a label (com.atproto.label.defs#label, valid, its signature checked by the caller).

    Of several for one subject, labeler and value the newest by `cts` stands, also when it negates.
    Tells whether this one does.
    """
    said = {name: value for name, value in label.items() if name != "sig"}
    expires = label.get("exp")
    conn.execute(
        "INSERT INTO label (uri, src, val, cid, neg, cts_us, exp_us, label)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET cid = excluded.cid,"
        " neg = excluded.neg, cts_us = excluded.cts_us, exp_us = excluded.exp_us,"
        " label = excluded.label WHERE excluded.cts_us > cts_us",
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


def forget(conn: Connection, src: str) -> None:
    """Delete everything a labeler said, when nobody here listens to it any more."""
    conn.execute("DELETE FROM label WHERE src = ?", (src,))


def _us(text: Any) -> int:
    return Datetime.unchecked(text).to_us()

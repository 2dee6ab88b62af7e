"""Load the labels that the viewer's labelers put on what a page shows."""

from collections.abc import Iterable
from typing import Final

import orjson

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.ids import json_list
from appliance.base.database import Database

REMOVING = frozenset({"!takedown", "!suspend"})
# On the largest page are some hundred subjects, with a few labels each.
MOST_LABELS: Final = 3_000

_CURRENT: Final = (
    "SELECT l.uri, l.src, l.val, l.label FROM json_each(?) j CROSS JOIN label l"
    " ON l.uri = j.value WHERE l.neg = 0 AND (l.exp_us IS NULL OR l.exp_us > ?)"
    " AND l.src IN (SELECT value FROM json_each(?))"
)
_LABELS: Final = f"{_CURRENT} LIMIT ?"
_REMOVALS: Final = f"{_CURRENT} AND l.val IN (SELECT value FROM json_each(?))"  # noqa: S608


def load_labels(db: Database, into: Hydration, uris: Iterable[str]) -> None:
    """Load current labels by subject; note what a redacting labeler takes down.

    Of more than fit onto a page each labeler has its share, so that none takes another's place;
    what is taken down is always known.
    """
    labelers = sorted({labeler.did for labeler in into.audience.labelers})
    if not labelers:
        return
    subjects = json_list(uris)
    redacting = {labeler.did for labeler in into.audience.labelers if labeler.redact}
    rows = db.read(_LABELS, subjects, into.now_us, json_list(labelers), MOST_LABELS + 1)
    if len(rows) > MOST_LABELS:
        share = MOST_LABELS // len(labelers)
        rows = [
            row
            for labeler in labelers
            for row in db.read(_LABELS, subjects, into.now_us, json_list([labeler]), share)
        ]
        rows += db.read(_REMOVALS, subjects, into.now_us, json_list(redacting), json_list(REMOVING))
    for uri, src, value, label in dict.fromkeys(rows):
        into.label_values.setdefault(uri, set()).add(value)
        into.labels.setdefault(uri, []).append(orjson.Fragment(label))
        if value in REMOVING and src in redacting:
            into.redacted.add(uri)


def labels_on(
    db: Database, uris: Iterable[str], sources: Iterable[str] | None, most: tuple[int, int]
) -> list[str]:
    """Give current labels on subjects as JSON, of all labelers or of these; most: (now, limit)."""
    now_us, limit = most
    return [
        label
        for (label,) in db.read(
            "SELECT l.label FROM json_each(?) j CROSS JOIN label l ON l.uri = j.value"
            " WHERE l.neg = 0 AND (l.exp_us IS NULL OR l.exp_us > ?)"
            " AND (? OR l.src IN (SELECT value FROM json_each(?))) LIMIT ?",
            json_list(uris),
            now_us,
            int(sources is None),
            json_list(sources or ()),
            limit,
        )
    ]


def labels_since(db: Database, sources: Iterable[str], since_ms: int, limit: int) -> list[str]:
    """Give what labelers said after a time as JSON, taken back or not, the oldest first."""
    rows = [
        row
        for source in sources
        for row in db.read(
            "SELECT cts_us, uri, val, label FROM label WHERE src = ? AND cts_us > ?"
            " ORDER BY cts_us LIMIT ?",
            source,
            since_ms * 1000 + 999,
            limit,
        )
    ]
    return [label for *_, label in sorted(rows)[:limit]]

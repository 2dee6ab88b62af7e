"""The newest rev that was told of a repo, where the repo was set back behind it.

Others take nothing older than what they know: a repo that goes back has to go on under a new rev.
"""

from appliance.atproto.tid import Tid
from appliance.base.database import Connection, Database


def note(conn: Connection, repo: int, rev: Tid) -> None:
    """Remember what was told before a repo is set back; the newest counts."""
    conn.execute(
        "INSERT INTO announced_rev (repo, rev) VALUES (?, ?)"
        " ON CONFLICT (repo) DO UPDATE SET rev = max(rev, excluded.rev)",
        (repo, rev),
    )


def is_behind(db: Database, repo: int) -> bool:
    """Whether a repo is to be signed anew before anybody hears of it, inline."""
    return db.read_one("SELECT 1 FROM announced_rev WHERE repo = ?", repo) is not None


def take(conn: Connection, repo: int, rev: Tid) -> Tid:
    """Give the rev that the next one has to be above: `rev`, or what was told; then forget it."""
    told = conn.value("DELETE FROM announced_rev WHERE repo = ? RETURNING rev", repo)
    return rev if told is None else max(rev, Tid.unchecked(told))

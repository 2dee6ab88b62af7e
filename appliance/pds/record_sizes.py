"""What the records of each repo take: added up beside the work, where a repo has changed.

To add up is to read all records of a repo, so it is not done whenever somebody looks.
"""

from collections.abc import Mapping

from appliance.base.database import Connection, Database

# So many repos are added up in one scan; others wait their turn behind whatever else is read.
REPOS_AT_ONCE = 20


async def refresh(db: Database) -> None:
    """Add up the repos that have changed since they were added up last."""
    after = 0
    while changed := await db.scan(added_up, after):
        await db.write(keep, changed)
        after = changed[-1][0]
    await db.write(forget)


def added_up(conn: Connection, after: int) -> list[tuple[int, str, int, int]]:
    """Give (repo id, rev, records, bytes) of the next repos that have changed."""
    repos = conn.rows(
        "SELECT repo.id, repo.rev FROM repo LEFT JOIN record_size ON record_size.repo = repo.id"
        " WHERE repo.id > ? AND record_size.rev IS NOT repo.rev ORDER BY repo.id LIMIT ?",
        after,
        REPOS_AT_ONCE,
    )
    return [(repo, rev, *_sum(conn, repo)) for repo, rev in repos]


def _sum(conn: Connection, repo: int) -> tuple[int, int]:
    [(number, size)] = conn.rows(
        "SELECT count(*), coalesce(sum(length(block) + length(path)), 0) FROM record"
        " WHERE repo = ?",
        repo,
    )
    return number, size


def keep(conn: Connection, sizes: list[tuple[int, str, int, int]]) -> None:
    conn.executemany(
        "INSERT OR REPLACE INTO record_size (repo, rev, records, bytes) VALUES (?, ?, ?, ?)", sizes
    )


def forget(conn: Connection) -> None:
    """Forget repos that are gone."""
    conn.execute("DELETE FROM record_size WHERE repo NOT IN (SELECT id FROM repo)")


def known(conn: Connection) -> Mapping[int, tuple[int, int]]:
    """Give (records, bytes) by repo."""
    rows = conn.rows("SELECT repo, records, bytes FROM record_size")
    return {repo: (number, size) for repo, number, size in rows}

"""Is what a directory holds what was signed? Every log of a file, from its first operation on.

For a file that nobody is using: a copy, a backup, a network that is stopped. Reads everything.
"""

from collections.abc import Iterator

from appliance.atproto.identity.errors import InvalidOperation
from appliance.atproto.identity.plc_log import LogEntry, check_next
from appliance.base.connection import Connection
from appliance.directory.operations import DamagedOperation, select_log


def faults(conn: Connection) -> Iterator[str]:
    """Name every DID whose log does not hold: its hashes, its order, its signatures."""
    for (did,) in conn.rows("SELECT DISTINCT did FROM operation ORDER BY did"):
        try:
            _check(did, select_log(conn, did))
        except (DamagedOperation, InvalidOperation) as problem:
            yield f"{did}: its log in the directory is damaged: {problem}"


def _check(did: str, log: list[LogEntry]) -> None:
    """Take the operations one by one, as they were taken. Raises InvalidOperation."""
    valid: list[LogEntry] = []
    undone = set()
    for entry in log:
        gone = set(check_next(did, valid, entry.operation, entry.created_us))
        undone |= gone
        valid = [*(kept for kept in valid if kept.cid not in gone), entry]
    if {entry.cid for entry in log if entry.nullified} != undone:
        raise InvalidOperation("the wrong operations are marked as undone")

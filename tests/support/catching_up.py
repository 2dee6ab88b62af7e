"""Waiting for relay and AppView: for as long as they come nearer, however slow the machine is.

Whoever looks shares the processor with those who work, so it is looked four times a second.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

from appliance.base.connection import Connection
from tests.support.invariants import index_of, known_standing, standing

Index: TypeAlias = dict[str, set[tuple[Any, ...]]]

LOOK_EVERY = 0.25
# Standing still for so long is a fault; so is not to arrive in so long.
STILL_SECONDS = 120.0
MOST_SECONDS = 1200.0


async def moves_until(arrived: Callable[[], bool], where: Callable[[], object]) -> None:
    """Wait until something is so. Raises TimeoutError if nothing changes for two minutes."""
    begun = moved = time.monotonic()
    before = where()
    while not arrived():
        await asyncio.sleep(LOOK_EVERY)
        now = time.monotonic()
        if (there := where()) != before:
            before, moved = there, now
        if now - moved > STILL_SECONDS or now - begun > MOST_SECONDS:
            raise TimeoutError


def _read_so_far(data: Path) -> object:
    """Say how far relay and AppView have read, and what they know."""
    found: list[object] = [known_standing(data)]
    for name, sql in (
        ("relay", "SELECT id, cursor FROM host"),
        ("appview", "SELECT * FROM stream"),
        ("appview", "SELECT did, rev, handle, handle_due_us, sync_attempts FROM actor"),
    ):
        with closing(Connection(data / f"{name}.sqlite", writable=False)) as conn:
            found.append(conn.rows(sql))
    return found


def _number(data: Path, name: str, sql: str) -> int:
    with closing(Connection(data / f"{name}.sqlite", writable=False)) as conn:
        return int(conn.value(sql) or 0)


def behind(data: Path) -> dict[str, object]:
    """Of each account on which AppView and PDS differ, what either says; and what is under way.

    A new name that the directory has, but the PDS could not write down, becomes the account's soon;
    and what is still to be read may be about accounts that rest.
    """
    wanted, known = standing(data), known_standing(data)
    dids = {did for did, _ in wanted.items() ^ known.items()}
    found: dict[str, object] = {did: (wanted.get(did), known.get(did)) for did in sorted(dids)}
    if renames := _number(data, "pds", "SELECT count(*) FROM rename"):
        found["renames"] = renames
    newest = "SELECT max(seq) FROM event"
    for giver, reader, read in (
        ("pds", "relay", "SELECT max(cursor) FROM host"),
        ("relay", "appview", "SELECT max(cursor) FROM stream"),
    ):
        told, heard = _number(data, giver, newest), _number(data, reader, read)
        if heard < told:
            found[reader] = (told, heard)
    return found


def _dues(data: Path, dids: Iterable[str]) -> dict[str, float]:
    """Say of accounts in how many seconds the AppView looks up their handle again."""
    sql, now = "SELECT did, handle_due_us FROM actor", time.time()
    with closing(Connection(data / "appview.sqlite", writable=False)) as conn:
        due: dict[str, int] = dict(conn.rows(sql))
    return {did: round(due[did] / 1e6 - now, 1) for did in dids if did in due}


async def appview_caught_up(data: Path) -> list[str]:
    """Wait until the AppView knows rev and handle of every account; name those it does not."""
    try:
        await moves_until(lambda: not behind(data), lambda: _read_so_far(data))
    except TimeoutError:
        dues = _dues(data, behind(data))
        return [f"the AppView is behind, and stands still: {behind(data)}, due in {dues} s"]
    return []


def _apart(data: Path, wanted: Index) -> Index:
    found = {kind: rows ^ wanted[kind] for kind, rows in index_of(data).items()}
    return {kind: rows for kind, rows in found.items() if rows}


async def index_is(data: Path, wanted: Index) -> list[str]:
    """Wait until the AppView has indexed this again, while it is rebuilt."""
    try:
        await moves_until(lambda: index_of(data) == wanted, lambda: index_of(data))
    except TimeoutError:
        return [f"a rebuild of the AppView has come to something else: {_apart(data, wanted)}"]
    return []

"""Look the appliance over and say what is wrong, in words, with a remedy."""

import shutil
import stat
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from appliance.base.damage import damage_in
from appliance.base.room import Room
from appliance.upkeep.backup_journal import Journal

Level = Literal["good", "warn", "bad"]

GIB = 1024**3
DAY = 86_400.0
# In days; one or two nights may go wrong by themselves.
BACKUP_TOO_OLD = 3
PROOF_TOO_OLD = 10
# The first proof begins minutes after the first backup; one that is cut off is tried a day later.
FIRST_PROOF_LATE = 2
LITTLE_SPACE = 1 * GIB
MARKS = {"good": "ok  ", "warn": "look", "bad": "BAD "}
HARDLY_ANY_SPACE = 200 * 1024**2
_READ_ONLY = ": nothing new is kept; reading, signing in, deleting and exporting go on"
# Nothing of this appliance can be older: a clock before it was never set.
OLDEST_TIME = 1_790_000_000.0


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what was seen, what was expected, what to do about it.

    `cause` is a name from `causes`, for programs; empty where all is well.
    """

    subject: str
    level: Level
    seen: str
    expected: str = ""
    remedy: str = ""
    cause: str = ""


def in_words(findings: Iterable[Finding]) -> Iterator[str]:
    """Tell findings line by line, with what to do where something is not well."""
    for finding in findings:
        yield f"{MARKS[finding.level]} {finding.subject}: {finding.seen}"
        if finding.level != "good":
            for label, text in (("expected", finding.expected), ("to do", finding.remedy)):
                wrapped = textwrap.fill(f"{label}: {text}", 78, subsequent_indent=" " * 15)
                yield textwrap.indent(wrapped, " " * 5)


def check_data_folder(data: Path) -> Iterator[Finding]:
    """Look at the folder itself: there, private, with room left."""
    if not data.is_dir():
        yield Finding(
            "Data folder",
            "bad",
            f"{data} does not exist",
            "the folder in which Hearth keeps everything",
            "start Hearth once, or name the right folder with --data",
            "data-missing",
        )
        return
    secrets = data / "secrets"
    open_files = [path.name for path in _files_others_can_read(secrets)]
    if open_files:
        yield Finding(
            "Keys",
            "bad",
            f"other users of this computer can read {', '.join(open_files)}",
            "files that only Hearth can read",
            f"run: chmod 600 {secrets}/*",
            "keys-open",
        )
    free = shutil.disk_usage(data).free
    if free < LITTLE_SPACE:
        yield Finding(
            "Storage",
            "bad" if free < HARDLY_ANY_SPACE else "warn",
            f"{free // 1024**2} MB are free{_READ_ONLY if Room(data).is_short else ''}",
            "at least 1 GB free",
            "delete what is not needed, or move the data folder to a larger disk",
            "disk-low",
        )
    else:
        yield Finding("Storage", "good", f"{free // GIB} GB are free")


def _files_others_can_read(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                yield path


def check_databases(data: Path) -> Iterator[Finding]:
    """Let SQLite check the structure of every file; reads them whole."""
    for path in sorted(data.glob("*.sqlite")):
        damage = damage_in(path)
        if damage:
            yield Finding(
                f"Database {path.name}",
                "bad",
                f"damaged: {damage[0]}",
                "a file without damage",
                "stop Hearth, keep a copy of the data folder, and restore the last backup",
                "database-damaged",
            )
        else:
            files = (path, path.with_name(f"{path.name}-wal"))
            size = sum(each.stat().st_size for each in files if each.exists())
            yield Finding(f"Database {path.name}", "good", f"whole, {size // 1024} kB")


def check_clock(now: float) -> Iterator[Finding]:
    """See that the clock was set at all; posts and sign-ins depend on it."""
    if now < OLDEST_TIME:
        seen = time.strftime("%Y-%m-%d %H:%M", time.gmtime(now))
        yield Finding(
            "Clock",
            "bad",
            f"this computer thinks it is {seen} UTC",
            "today",
            "connect to the internet once, or set the clock (timedatectl set-time)",
            "clock-unset",
        )
    else:
        yield Finding("Clock", "good", "set")


def check_backups(data: Path, now: float, *, expected: bool) -> Iterator[Finding]:
    """See that there is a backup, that it is young, and that it was proven."""
    known = Journal.read(data)
    if not known.taken_at and not known.failure:
        if not expected:
            return
        yield Finding(
            "Backups",
            "warn",
            "no backup was ever taken",
            "one each night, at another place than this computer",
            "on the page Copies of the panel choose a place, or press Copy now where one is chosen"
            " (or run `hearth settings backup.target PLACE` and `hearth backup now`)",
            "backup-never",
        )
        return
    age = (now - known.taken_at) / DAY
    if known.failure:
        yield Finding(
            "Backups",
            "bad" if age > BACKUP_TOO_OLD else "warn",
            f"the last one failed: {known.failure}",
            "one each night",
            "mend that; it is tried again each hour",
            "backup-failed",
        )
    elif age > BACKUP_TOO_OLD:
        yield Finding(
            "Backups",
            "bad",
            f"the last one is {int(age)} days old",
            "one each night",
            "on the page Copies of the panel press Copy now, and see what it says"
            " (or run `hearth backup now`)",
            "backup-old",
        )
    else:
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(known.taken_at))
        yield Finding("Backups", "good", f"the last one was taken on {when} UTC")
    yield from _check_proof(known, now)


def _check_proof(known: Journal, now: float) -> Iterator[Finding]:
    """A backup that was never restored is a hope."""
    remedy = (
        "on the page Copies of the panel press Try to bring it back now, and see what it says"
        " (or run `hearth backup prove`)"
    )
    expected = "one restored and verified each week"
    if known.proof_failure:
        seen = f"the last proof failed: {known.proof_failure}"
        yield Finding("Proof of backups", "bad", seen, expected, remedy, "proof-failed")
    elif known.taken_at and not known.proven_at and now - known.first_at < FIRST_PROOF_LATE * DAY:
        yield Finding("Proof of backups", "good", _first_proof(known))
    elif known.taken_at and now - known.proven_at > PROOF_TOO_OLD * DAY:
        seen = "never" if not known.proven_at else f"{int((now - known.proven_at) / DAY)} days ago"
        told = f"last proven: {seen}"
        yield Finding("Proof of backups", "warn", told, expected, remedy, "proof-old")
    elif known.proven_at:
        yield Finding("Proof of backups", "good", f"restored and verified: {known.proven}")


def _first_proof(known: Journal) -> str:
    """Say when the first one is due."""
    if not known.proof_tried_at:
        return "due: within minutes of the first backup, while the network runs"
    begun = time.strftime("%Y-%m-%d %H:%M", time.gmtime(known.proof_tried_at))
    return f"due: it was begun on {begun} UTC; should it be cut off, it begins anew a day later"


def check_role(name: str, status: dict[str, Any] | None) -> Iterator[Finding]:
    """Judge what a role said of itself; None when it did not answer."""
    if status is None:
        yield Finding(
            f"Part {name}",
            "bad",
            "does not answer",
            "an answer on its socket",
            "start Hearth (hearth run); if it runs, look at the log for this part",
            "part-silent",
        )
        return
    failing = [worker for worker in status["workers"] if worker["state"] == "waiting"]
    for worker in failing:
        yield Finding(
            f"Part {name}",
            "warn",
            f"{worker['name']} failed {worker['failures']} times: {worker.get('lastError', '')}",
            "background work that runs",
            "it is tried again by itself; if this stays, look at the log",
            "part-failing",
        )
    if not failing:
        yield Finding(f"Part {name}", "good", "answers, and its background work runs")
    for told in status.get("findings", ()):
        yield Finding(**told)


def check_files(data: Path, now: float, *, in_service: bool) -> list[Finding]:
    """Everything that can be seen without asking a running Hearth."""
    checks: Iterable[Callable[[], Iterator[Finding]]] = (
        lambda: check_data_folder(data),
        lambda: check_clock(now),
        lambda: check_databases(data),
        lambda: check_backups(data, now, expected=in_service),
    )
    return [finding for check in checks for finding in check()]

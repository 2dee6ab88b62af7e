"""What is known of the backups: when the last was taken, when one was last proven, what failed.

Three files of the data folder, each with one writer: what the commands found (`backups.json`), how
far the one that runs is, and what was asked on the panel.
"""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias

NAME: Final = "backups.json"
COURSE: Final = "backup-course.json"
WISH: Final = "backup-wish"
LOCK: Final = "backup.lock"

Action: TypeAlias = Literal["now", "prove"]
ACTIONS: Final[Mapping[str, Action]] = {"now": "now", "prove": "prove"}


@dataclass(frozen=True)
class Journal:
    """`place` is where backups were made. Times are seconds since 1970, 0 for never.

    `first_at`: when the first one was taken; 0 as well where that was not written down yet.

    `cut_off`: how many tries before the last one came to no end, one after the other.

    A failure is empty when the last try succeeded. `bytes`: what the last backup holds; `added`:
    what of it was new.
    """

    place: str = ""
    first_at: float = 0.0
    taken_at: float = 0.0
    snapshot: str = ""
    bytes: int = 0
    added: int = 0
    tried_at: float = 0.0
    cut_off: int = 0
    failure: str = ""
    proven_at: float = 0.0
    proven: str = ""
    proof_tried_at: float = 0.0
    proof_failure: str = ""

    @classmethod
    def read(cls, data: Path) -> Self:
        """Read that of a data folder; a missing or damaged one knows nothing.

        What another version has written beside is passed over.
        """
        known = {each.name for each in fields(cls)}
        try:
            found = json.loads((data / NAME).read_text("utf-8"))
            return cls(**{name: value for name, value in found.items() if name in known})
        except (OSError, ValueError, TypeError, AttributeError):
            return cls()

    def is_unfinished(self) -> bool:
        """Tell whether the last backup that was begun came to no end, good or bad, so far."""
        return self.tried_at > self.taken_at and not self.failure

    def is_cut_off(self, data: Path) -> bool:
        """Tell whether it did, and nobody is at it any more."""
        return self.is_unfinished() and Course.read(data) is None

    def without_cut_off(self, data: Path) -> Self:
        """Leave out tries that came to no end, good or bad, and that nobody is at any more."""
        if Course.read(data) is not None:
            return self
        taking = self.is_unfinished()
        proving = self.proof_tried_at > self.proven_at and not self.proof_failure
        return replace(
            self,
            tried_at=0.0 if taking else self.tried_at,
            proof_tried_at=0.0 if proving else self.proof_tried_at,
        )

    def note(self, data: Path, **changes: Any) -> Self:
        """Change some of it, whole or not at all."""
        changed = replace(self, **changes)
        _write(data / NAME, asdict(changed))
        return changed


@dataclass(frozen=True)
class Course:
    """How far a backup or a proof is: what is being done, and the share of that from 0 to 1."""

    action: Action
    what: str
    share: float
    process: int

    @classmethod
    def read(cls, data: Path) -> Self | None:
        """Read that of the one that runs now; None if none does."""
        try:
            found = cls(**json.loads((data / COURSE).read_text("utf-8")))
            os.kill(found.process, 0)
        except (OSError, ValueError, TypeError):
            return None
        return found


class CourseFile:
    """Tells how far a backup is, not more often than somebody would look."""

    SECONDS: Final = 0.5

    def __init__(self, data: Path, action: Action) -> None:
        self._data = data
        self._action = action
        self._what = ""
        self._told = 0.0

    def show(self, what: str, share: float) -> None:
        """Say what is being done, and how much of it is."""
        now = time.monotonic()
        if what == self._what and now - self._told < self.SECONDS:
            return
        self._what, self._told = what, now
        course = Course(self._action, what, round(min(max(share, 0.0), 1.0), 3), os.getpid())
        with contextlib.suppress(OSError):  # a full disk: nobody sees how far it is
            _write(self._data / COURSE, asdict(course))

    def end(self) -> None:
        """Say that it has ended."""
        with contextlib.suppress(OSError):
            (self._data / COURSE).unlink()


def ask(data: Path, action: Action) -> None:
    """Have a backup taken or proven; the running network does it within seconds."""
    (data / WISH).write_text(action, "ascii")


def asked(data: Path) -> Action | None:
    """Tell what was asked for and not begun yet."""
    try:
        return ACTIONS.get((data / WISH).read_text("ascii"))
    except (OSError, ValueError):
        return None


def take_up(data: Path) -> None:
    """Note that what was asked for begins."""
    with contextlib.suppress(OSError):
        (data / WISH).unlink()


def _write(path: Path, value: object) -> None:
    text = json.dumps(value, indent=1).encode()
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(text)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        # A full disk has room where there was some before.
        with path.open("r+b") as file:
            file.write(text)
            file.truncate()

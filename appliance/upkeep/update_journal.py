"""What is known of new releases, and what the owner wants done about them.

Two files of the data folder, each with one writer at a time: what the commands that look and fetch
have found (`updates.json`), and what was asked on the panel or by hand (`updates-asked.json`).
What root made of it stands in a file of root's own, beside the program.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Self

ANSWER: Final = Path("/opt/hearth/updates/answer.json")
DAY: Final = 86_400.0

Asked = Literal["", "check", "install"]


class _Kept:
    """A record that is a small JSON file; a missing or damaged one says nothing."""

    NAME: str

    @classmethod
    def read(cls, data: Path) -> Self:
        try:
            found: Self = cls(**json.loads((data / cls.NAME).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            found = cls()
        return found

    def note(self, data: Path, **changes: Any) -> Self:
        """Change some of it, whole or not at all."""
        changed: Self = replace(self, **changes)  # type: ignore[type-var]
        aside = data / f".{self.NAME}.{os.getpid()}"
        aside.write_text(json.dumps(asdict(changed), indent=1), "utf-8")  # type: ignore[call-overload]
        aside.replace(data / self.NAME)
        return changed


@dataclass(frozen=True)
class Known(_Kept):
    """What was found. Times are seconds since 1970, 0 for never; `version` is empty for none.

    `made` is when the channel was signed, `read_at` when it was last read and believed.
    """

    NAME = "updates.json"

    made: float = 0.0
    checked_at: float = 0.0
    read_at: float = 0.0
    failure: str = ""
    version: str = ""
    date: str = ""
    changes: str = ""
    tried: str = ""
    tried_at: float = 0.0
    tried_failure: str = ""


@dataclass(frozen=True)
class Wish(_Kept):
    """What the owner wants. While held, nothing is installed by itself; -1 holds without end."""

    NAME = "updates-asked.json"

    asked: Asked = ""
    held_until: float = 0.0

    def holds(self, now: float) -> bool:
        return self.held_until < 0 or self.held_until > now


def take_up(data: Path) -> None:
    """Note that what was asked for begins."""
    wish = Wish.read(data)
    if wish.asked:
        wish.note(data, asked="")


@dataclass(frozen=True)
class Answer:
    """What came of a release that was handed over: installed, refused, or back; and why."""

    version: str = ""
    state: str = ""
    reason: str = ""
    at: float = 0.0

    @classmethod
    def read(cls, path: Path) -> Self:
        try:
            return cls(**json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return cls()

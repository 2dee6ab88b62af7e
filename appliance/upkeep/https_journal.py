"""What is known of certificates: for each name until when, and what came of the last try.

A file of the data folder, written by who gets certificates, read by the doctor and the panel.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

NAME: Final = "certificates.json"


@dataclass(frozen=True)
class Standing:
    """How it stands with one name. Times are seconds since 1970, 0 for never.

    `next_at`: when it is tried or renewed next; `failure`: why the last try came to nothing.
    """

    begins: float = 0.0
    ends: float = 0.0
    tried_at: float = 0.0
    next_at: float = 0.0
    failures: int = 0
    failure: str = ""
    kind: str = ""


@dataclass(frozen=True)
class HttpsJournal:
    """All names, and which ports could not be opened.

    `waits`: nothing is asked of an authority, since no name can be proven until a port is open.
    """

    names: Mapping[str, Standing] = field(default_factory=dict)
    closed: str = ""
    waits: bool = False

    @classmethod
    def read(cls, data: Path) -> Self:
        """Read it; one that is missing or damaged says nothing."""
        try:
            found = json.loads((data / NAME).read_text("utf-8"))
            names = {name: Standing(**told) for name, told in found["names"].items()}
            return cls(names, str(found["closed"]), found.get("waits") is True)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def write(self, data: Path) -> Self:
        """Keep it, whole or not at all."""
        aside = data / f".{NAME}.{os.getpid()}"
        aside.write_text(json.dumps(asdict(self), indent=1), "utf-8")
        aside.replace(data / NAME)
        return self

    def of(self, name: str) -> Standing:
        return self.names.get(name, Standing())

    def noted(self, name: str, **changes: Any) -> Self:
        """Give one in which some of a name's standing is changed."""
        return replace(self, names={**self.names, name: replace(self.of(name), **changes)})

    def without(self, name: str) -> Self:
        """Give one that does not know a name."""
        return replace(self, names={n: known for n, known in self.names.items() if n != name})

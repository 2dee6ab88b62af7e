"""What is known of the backups: when the last was taken, when one was last proven, what failed."""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

NAME: Final = "backups.json"


@dataclass(frozen=True)
class Journal:
    """`place` is where backups were made. Times are seconds since 1970, 0 for never.

    A failure is empty when the last try succeeded.
    """

    place: str = ""
    taken_at: float = 0.0
    snapshot: str = ""
    tried_at: float = 0.0
    failure: str = ""
    proven_at: float = 0.0
    proven: str = ""
    proof_tried_at: float = 0.0
    proof_failure: str = ""

    @classmethod
    def read(cls, data: Path) -> "Journal":
        """Read that of a data folder; a missing or damaged one knows nothing."""
        try:
            found = json.loads((data / NAME).read_text("utf-8"))
            return cls(**found)
        except (OSError, ValueError, TypeError):
            return cls()

    def note(self, data: Path, **changes: Any) -> "Journal":
        """Change some of it, whole or not at all."""
        changed = replace(self, **changes)
        aside = data / f".{NAME}.{os.getpid()}"
        aside.write_text(json.dumps(asdict(changed), indent=1), "utf-8")
        aside.replace(data / NAME)
        return changed

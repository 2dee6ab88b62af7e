"""The page on how the PDS differs from the reference, made from the table the tests hold it to.

`python -m tests.interop.conformance` writes it anew.
"""

from pathlib import Path
from typing import Final

from tests.interop.corpus.scenes import SCENES
from tests.interop.kept import KEPT_BY_SUBJECT
from tests.interop.kept_row import Kept

PAGE: Final = Path(__file__).parents[2] / "docs" / "conformance.md"

_HEAD: Final = """\
# The PDS beside the reference PDS

`tests/interop/test_differential.py` sends {steps} requests, in {scenes} scenes, to ours and to
`@atproto/pds` (npm) in one run, and compares status, error name, headers and the form of every
answer. It fails at a difference that is not listed here, and at a line here that is no difference
any more. Made from `tests/interop/kept.py` by `python -m tests.interop.conformance`.

The AppView has a page of its own, `conformance-appview.md`, and so has the walk through the
official web client, `conformance-client.md`.
"""


def page() -> str:
    """Write the page."""
    steps = sum(len(scene.steps) for scene in SCENES)
    parts = [_HEAD.format(steps=steps, scenes=len(SCENES))]
    for subject, kept in KEPT_BY_SUBJECT.items():
        rows = "\n".join(map(_row, kept))
        head = "| what is different, and why | ours | the reference | where |\n|---|---|---|---|"
        parts.append(f"## {subject}\n\n{head}\n{rows}\n")
    return "\n".join(parts)


def _row(kept: Kept) -> str:
    theirs = [kept.theirs] if isinstance(kept.theirs, str) else kept.theirs
    where = "; ".join(kept.where)
    if kept.parts:
        where += f" ({', '.join(kept.parts)})"
    cells = (kept.why, kept.ours, ", ".join(theirs), where)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

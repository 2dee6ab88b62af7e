"""The table in docs/security.md, made from the threats; `python -m tests.threats.page` writes it.

What stands around the table is written by hand and stays.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.threats import box, browsers, network, outbound, sessions
from tests.threats.threat import Threat

PAGE: Final = Path(__file__).parents[2] / "docs" / "security.md"
THREATS: Final[Sequence[Threat]] = (
    *outbound.THREATS,
    *browsers.THREATS,
    *sessions.THREATS,
    *network.THREATS,
    *box.THREATS,
)
HEAD: Final = (
    "| | what is tried | what stands against it | shown by | result |\n|---|---|---|---|---|\n"
)
_TABLE: Final = re.compile(r"^\| \| what is tried .*\n(?:\|.*\n)+", re.MULTILINE)


def table() -> str:
    """Write the table."""
    return HEAD + "".join(map(_row, THREATS))


def page_with_table() -> str:
    """Write the page as it should be, from what it is."""
    return _TABLE.sub(lambda _found: table(), PAGE.read_text(encoding="utf-8"))


def _row(threat: Threat) -> str:
    shown = "<br>".join(f"`{test}`" for test in threat.shown_by)
    cells = (f"S{threat.number}", threat.tried, threat.stands, shown, threat.left or "holds")
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page_with_table(), encoding="utf-8")

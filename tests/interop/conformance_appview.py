"""The page on how the AppView differs from the reference, made from the tables of the tests.

`python -m tests.interop.conformance_appview` writes it anew.
"""

from pathlib import Path
from typing import Final

from tests.interop.kept_appview import KEPT
from tests.support.appview_audit import ENDPOINTS, REFUSED, SEMANTICS

PAGE: Final = Path(__file__).parents[2] / "docs" / "conformance-appview.md"

_HEAD: Final = """\
# Conformance of the AppView

How the AppView was compared, and what is known to differ. Made from
`tests/interop/kept_appview.py` and `tests/support/appview_audit.py` by
`python -m tests.interop.conformance_appview`. Behind it stand:

- `tests/interop/test_appview_differential.py` (slow) starts the reference AppView (npm
  `@atproto/dev-env`, with Debian's PostgreSQL and Redis on loopback,
  `tests/interop/reference_network/`) beside `hearth try`. Five people write the same 80 records and
  private notes at both, in the same order; then 226 requests over 29 methods are asked of both
  through each one's own PDS, and every field of every answer is compared (DIDs, CIDs, times and
  places by their kind). It takes about 25 s. A difference without a reason below fails the test,
  and so does a reason for which there is no difference any more.
- `tests/appview/test_audit.py` knows the {endpoints} endpoints that the design names by what
  happens without them: each is served. `tests/journeys/test_appview_endpoints.py` asks all of
  `app.bsky` through the PDS: each is answered well, but for {refused} about videos, phone numbers
  and proofs of age, which are refused by name.
- `tests/appview/test_audit.py` also sees that every semantic of the list below has its tests.

By hand: `python -m tests.interop.appview_differential [WORD]...` prints each difference.
"""
_TAIL: Final = """\
## Hostile records

`tests/support/hostile.py` makes records at random from the lexicons themselves (every format,
length and union at its edge, types nobody knows, references to anything), and broken ones. Three
times 500 of them are indexed, and every method, queries and calls, is asked again and again by
requests made from its lexicon about what the records name: every answer is measured by its lexicon,
none is a 500, and each method is answered well at least once. What a lexicon refuses is never
indexed, so no page has to leave anything out for its form.
"""


def page() -> str:
    """Write the page."""
    count = sum(map(len, ENDPOINTS.values()))
    head = _HEAD.format(endpoints=count, refused=len(REFUSED))
    return "\n".join([head, _differences(), _semantics(), _TAIL])


def _differences() -> str:
    rows = []
    for kept in KEPT:
        parts = ", ".join(f"`{part.replace('*.', '').strip('*')}`" for part in kept.parts)
        where = "" if kept.where == ("*",) else f" in `{'`, `'.join(kept.where)}`"
        rows.append(f"- {kept.why}. ({parts}{where})")
    return "## Differences that stay\n\n" + "\n".join(rows) + "\n"


def _semantics() -> str:
    rows = []
    for what, tests in SEMANTICS:
        by_file: dict[str, list[str]] = {}
        for test in tests:
            file, _, name = test.partition(": ")
            by_file.setdefault(file, []).append(name.removeprefix("test_").replace("_", " "))
        shown = "; ".join(f"`{file}`: {', '.join(names)}" for file, names in by_file.items())
        rows.append(f"| {what} | {shown} |")
    head = "| What is easy to get wrong | Tests in `tests/appview` |\n|---|---|"
    return f"## Semantics, and the tests that name them\n\n{head}\n" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

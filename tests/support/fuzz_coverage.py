"""Which methods the fuzzers got through to, for whom, and what they were refused with.

    python -m tests.support.fuzz_coverage

asks every method, sensibly and not, and writes docs/fuzz-coverage.md. What a method is declared
for it has to be answered well for; `gaps` names what is missing.
"""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import ascii_letters
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias

from appliance.atproto.lexicon.catalog import load_catalog
from tests.support.answered import ALWAYS_REFUSED
from tests.support.appliance import ROOT
from tests.support.tally import APPS, ELSEWHERE, declared, meant_for

PAGE: Final = ROOT / "docs/fuzz-coverage.md"
TESTS: Final = (
    "tests/pds/test_gets_through.py",
    "tests/pds/test_fuzz.py",
    "tests/journeys/test_every_method.py",
)
# Which states of signing in stand in a column; what is in none is wrong in some way.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "nobody": ("nobody",),
    "member": ("member",),
    "app password": ("app password", "privileged app password"),
    "app": APPS,
    "operator": ("operator",),
    "renewal": ("renewal",),
    "service": ("service",),
    "closed": (
        "deactivated",
        "deactivated, by app",
        "taken down",
        "taken down, before",
        "deleted",
    ),
}
WRONG: Final = "wrong"
HEAD: Final = """# What the fuzzers were answered

Made by `python -m tests.support.fuzz_coverage` from three tests. `tests/pds/test_gets_through.py`
and `tests/journeys/test_every_method.py` ask each method so that it gets through, in every state
of signing in that it is declared for; `tests/pds/test_fuzz.py`, and again `test_every_method.py`,
ask all of them in all states, sensibly and not: what is spoilt begins with good requests.
`tests/test_fuzz_coverage.py` fails where a method is missing here, or was never answered well for
whom it is declared.

A number says how often callers in this state were answered well, a letter by what name of error
others were refused (below). *renewal* is a refresh token; *closed* are accounts that rest, are
taken down or deleted; *wrong* are tokens that are forged, expired, of others or without their key,
and members who ask for another service by `atproto-proxy`. Apps ask the PDS alone; what they need
for the methods of others is tried in `tests/pds/oauth/test_enforcement.py`. No answer was a fault
of ours: 501 and 502 are of what is elsewhere or not there.
"""
Counts: TypeAlias = dict[str, dict[str, Counter[str]]]


def column(state: str) -> str:
    """Name the column of a state."""
    return next(
        (name for name, states in COLUMNS.items() if state in states or state == name), WRONG
    )


def gathered(folder: Path) -> Counts:
    """Add up what the tests have written down, by method and column."""
    counts: Counts = defaultdict(lambda: defaultdict(Counter))
    for path in sorted(folder.glob("*.json")):
        told: dict[str, dict[str, dict[str, int]]] = json.loads(path.read_text())
        for nsid, states in told.items():
            for state, answers in states.items():
                counts[nsid][column(state)].update(answers)
    return counts


def page(counts: Counts) -> str:
    """Write the page."""
    names = sorted({name for nsid in counts for name in _errors(counts[nsid].values())})
    letters = dict(zip(names, _letters(), strict=False))
    columns = (*COLUMNS, WRONG)
    ours, others = declared(), []
    lines = [HEAD, f"| method | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for nsid in sorted(counts):
        if nsid not in ours:
            others.append(nsid)
            continue
        cells = [_cell(counts[nsid].get(each, {}), letters) for each in columns]
        lines.append(f"| {nsid} | {' | '.join(cells)} |")
    total = sum(n for nsid in counts for cell in counts[nsid].values() for n in cell.values())
    lines += ["", f"{len(counts)} methods, {total} answers.", ""]
    lines += ["## Names of errors", ""]
    lines += [f"- `{letter}`: {name}" for name, letter in letters.items()]
    lines += ["", "## Shown elsewhere", ""]
    lines += [
        f"- {nsid}, {state}: `{where.partition(': ')[0]}`"
        for (nsid, state), where in ELSEWHERE.items()
    ]
    lines += ["", "Always refused here, each by its name (`tests/support/answered.py`): "]
    lines[-1] += ", ".join(sorted(ALWAYS_REFUSED)) + "."
    lines += ["", "## Methods of other services", ""]
    lines += ["Asked as well; passed on, or answered that nobody here has them: "]
    lines[-1] += ", ".join(others) + "."
    return "\n".join(lines) + "\n"


def _letters() -> Iterator[str]:
    yield from ascii_letters
    yield from (f"{first}{second}" for first in ascii_letters for second in ascii_letters)


def _errors(cells: Any) -> set[str]:
    return {answer for cell in cells for answer in cell if answer >= "400"}


def _cell(answers: Mapping[str, int], letters: Mapping[str, str]) -> str:
    good = sum(count for answer, count in answers.items() if answer < "300")
    refused = sorted(letters[answer] for answer in _errors([answers]))
    return " ".join([str(good)] * (good > 0) + [" ".join(refused)] * bool(refused))


def gaps(text: str) -> list[str]:
    """Name what a page lacks: methods, and states that never got through."""
    rows = {
        cells[0]: dict(zip((*COLUMNS, WRONG), cells[1:], strict=True))
        for cells in (
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in text.splitlines()
            if line.startswith("| ") and "." in line.split("|")[1]
        )
    }
    catalog = load_catalog().methods
    asked = {nsid for nsid, main in catalog.items() if main["type"] != "subscription"}
    elsewhere = {nsid for nsid, _ in ELSEWHERE}
    last = {each.strip(" .\n") for each in text.rpartition("has them:")[2].split(",")}
    missing = [f"{nsid}: not asked" for nsid in sorted(asked - rows.keys() - last - elsewhere)]
    for nsid, roles in sorted(declared().items()):
        for role, method in roles.items():
            for state in meant_for(method.auth):
                known = (nsid, state) in ELSEWHERE or nsid in ALWAYS_REFUSED or role in BY_OTHERS
                if not known and not rows.get(nsid, {}).get(column(state), "")[:1].isdigit():
                    missing.append(f"{nsid}: never answered well for {state}")
    return missing


# Who answers on sockets of their own, not to be asked by name: tests/neighbours, tests/directory.
BY_OTHERS: Final = ("neighbours", "directory")


def main() -> int:
    """Ask everything, write the page, and name what is missing."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
        done = subprocess.run([*command, "--tally", folder], cwd=ROOT, check=False)  # noqa: S603
        if done.returncode:
            return done.returncode
        PAGE.write_text(page(gathered(Path(folder))))
    missing = gaps(PAGE.read_text())
    sys.stdout.write("".join(f"{each}\n" for each in missing))
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())

"""Put a known bug into a copy of the program and see whether the tests notice.

    python tools/mutants.py [NAME ...]

Each file of tests/mutants is a bug (`Bug:`), the tests that should find it (`Tests:`) and a patch.
The tests run on a clone of the last commit: first as it is, where they have to pass, then with
each bug, where one of them has to fail. Ends with 1 when a bug survives.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "mutants"
SECONDS_FOR_TESTS = 900.0


@dataclass(frozen=True)
class Mutant:
    """A bug, and who should find it."""

    name: str
    bug: str
    tests: tuple[str, ...]
    path: Path


def load(path: Path) -> Mutant:
    """Read the head of a patch."""
    head = dict(line.split(": ", 1) for line in path.read_text().splitlines()[:2])
    return Mutant(path.stem, head["Bug"], tuple(head["Tests"].split()), path)


def mutants(names: Sequence[str] = ()) -> list[Mutant]:
    """Give all, or those of these names."""
    found = [load(path) for path in sorted(FOLDER.glob("*.patch"))]
    return [each for each in found if not names or each.name in names]


def applies(mutant: Mutant, tree: Path) -> bool:
    """Tell whether the patch fits a tree, without changing it."""
    return git(tree, "apply", "--check", str(mutant.path)).returncode == 0


def git(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        ["git", "-C", str(tree), *command],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )


def passes(tree: Path, tests: Sequence[str]) -> bool:
    """Run tests in a tree until one fails; one that hangs has failed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(  # noqa: S603
            [*command, "-m", "not long and not go", *tests],
            cwd=tree,
            capture_output=True,
            timeout=SECONDS_FOR_TESTS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    if done.returncode not in (0, 1, 2):
        raise SystemExit(done.stdout.decode() + done.stderr.decode())
    return done.returncode == 0


def main(names: Sequence[str], *, sound: bool) -> int:
    """Try all; say of each what became of it."""
    chosen = mutants(names)
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "clone"
        git(ROOT, "clone", "--quiet", "--shared", str(ROOT), str(tree))
        for mutant in chosen:
            if sound and not passes(tree, mutant.tests):
                say(f"{mutant.name}: the tests fail without the bug")
                survivors.append(mutant.name)
                continue
            began = time.monotonic()
            if git(tree, "apply", str(mutant.path)).returncode:
                say(f"{mutant.name}: the patch does not fit")
                survivors.append(mutant.name)
                continue
            survived = passes(tree, mutant.tests)
            git(tree, "checkout", "--quiet", "--", ".")
            took = time.monotonic() - began
            say(f"{mutant.name}: {'SURVIVED' if survived else 'killed'} ({took:.0f} s)")
            survivors += [mutant.name] * survived
    say(f"{len(chosen) - len(survivors)} of {len(chosen)} killed")
    return 1 if survivors else 0


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--unsound", action="store_true", help="do not run the tests without a bug")
    asked = parser.parse_args()
    sys.exit(main(asked.names, sound=not asked.unsound))

"""Releases to install: what is in this checkout, under a version of its own, changed for a test."""

import shutil
from pathlib import Path

from tests.support.appliance import ROOT

PARTS = (
    *("appliance", "web", "tools", "systemd"),
    *("install.sh", "pyproject.toml", "README.md", "CHANGES.md"),
)
MIGRATION = "appliance/pds/schema/9999_of_a_test.sql"
CRASH = 'raise SystemExit("this release is broken")\n'


def release(folder: Path, version: str, *, migrates: bool = False, breaks: bool = False) -> Path:
    """Make one. It may change the schema of the PDS; it may end as soon as it has done so."""
    place = folder / version
    place.mkdir()
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, place / name)
    (place / "appliance/version.py").write_text(
        f'"""The version of this release."""\n\nVERSION = "{version}"\n'
    )
    if migrates:
        (place / MIGRATION).write_text("CREATE TABLE of_a_test (id INTEGER PRIMARY KEY) STRICT;\n")
    if breaks:
        ready = place / "appliance/service.py"
        begin = "def _announce("
        text = ready.read_text()
        body = text.index(":\n", text.index(begin)) + 2
        ready.write_text(f"{text[:body]}    {CRASH}{text[body:]}")
    return place

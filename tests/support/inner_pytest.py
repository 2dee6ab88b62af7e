"""A run of pytest within a test, over files of its own, with one of the plugins that we wrote."""

import subprocess
import sys
from pathlib import Path

from tests.support.appliance import ROOT


def run(folder: Path, plugin: str, *more: str) -> tuple[int, str]:
    """Run what stands in a folder; give the exit status, and what was said."""
    command = [sys.executable, "-m", "pytest", "-p", f"tests.support.{plugin}"]
    done = subprocess.run(  # noqa: S603
        [*command, *more],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout

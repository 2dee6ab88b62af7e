"""The internet is away and the router takes questions for names, but never answers one."""

import subprocess
import sys

import orjson
import pytest

from tests.support.appliance import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.root]

# A lookup of the C library's takes at least ten here, and eighty are asked for.
SOON = 5.0
MOST_TO_END = 10.0


def test_all_here_works_and_ends_while_eighty_names_are_asked_for() -> None:
    command = ["unshare", "-n", "-m", sys.executable, "-m", "tests.support.silent_names"]
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    told = orjson.loads(done.stdout)
    assert told["still"]
    assert told["longest"] < SOON
    assert set(told["answered"]) <= {400, 502}
    assert told["ended"] < MOST_TO_END, told

"""Commands of `hearth` given within this process: most take less time than to start Python anew.

What the program is to a shell (its streams, its status, a signal) is tested in processes of its
own, in `tests/journeys/test_try.py` and `tests/upkeep/test_systemd.py`.
"""

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from appliance import cli

PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def hearth(*words: str, data: Path) -> Done:
    """Give a command for a data folder, in a thread: it has an event loop of its own."""
    out, err = io.StringIO(), io.StringIO()

    def run() -> int:
        try:
            cli.main([*words, "--data", str(data)])
        except SystemExit as end:
            return int(end.code or 0)
        raise AssertionError("a command ends by telling its status")

    with redirect_stdout(out), redirect_stderr(err), ThreadPoolExecutor(1) as thread:
        status = thread.submit(run).result(PATIENCE_SECONDS)
    assert "Traceback" not in err.getvalue()
    return Done(status, out.getvalue(), err.getvalue())

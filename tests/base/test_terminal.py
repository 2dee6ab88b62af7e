"""What reaches a terminal, and what reaches a file."""

import os
import pty
import subprocess
import sys

import pytest

from appliance.base.terminal import printable

# It clears the screen, names the window, and turns what follows around.
HARM = "a\x1b[2J\x1b]0;x\x07\x9b2J\r\u202eb"
SAYS = "import sys; from appliance.cli import guard_terminals as guard\n"
SAYS += f"guard(); guard(); print({HARM!r}); sys.stderr.write({HARM!r} + chr(10))"


def said_to_a_terminal(program: str) -> str:
    ours, theirs = pty.openpty()
    run = [sys.executable, "-c", program]
    try:
        subprocess.run(run, stdout=theirs, stderr=theirs, check=True, timeout=60)  # noqa: S603
    finally:
        os.close(theirs)
    told = b""
    try:
        while some := os.read(ours, 4096):
            told += some
    except OSError:  # nobody is at the other end any more
        pass
    finally:
        os.close(ours)
    return told.decode()


def test_a_terminal_is_told_nothing_that_it_would_obey() -> None:
    assert said_to_a_terminal(SAYS).replace("\r\n", "\n") == "a?[2J?]0;x??2J??b\n" * 2


def test_what_we_draw_there_is_drawn() -> None:
    draws = "from appliance.backup.commands import Bar; Bar(True).show('taking a backup', 0.5)\n"
    draws += "from appliance.service import picture_of; print(picture_of('http://x'))"
    told = said_to_a_terminal(f"{SAYS.partition('guard();')[0]}guard()\n{draws}")
    assert told.startswith("\r[###")
    assert "?" not in told


def test_a_file_is_told_everything_as_it_is() -> None:
    run = [sys.executable, "-c", SAYS]
    done = subprocess.run(run, capture_output=True, check=True, timeout=60)  # noqa: S603
    assert done.stdout.decode() == done.stderr.decode() == f"{HARM}\n"


@pytest.mark.parametrize("text", ["zwei\nZeilen\tund mehr", "é 日本 שלום", "👩‍👩‍👧 ✓"])
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert printable(text) == text

"""What tells whether a program loads where memory has pages of 16 kB."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.appliance import ROOT

LOAD, RELRO = 1, 0x6474E552
READ, WRITE = 4, 6


def elf(*segments: tuple[int, int, int, int, int, int]) -> bytes:
    """Make the head of a program: (kind, flags, place in the file, in memory, size, alignment)."""
    head = b"\x7fELF\x02\x01".ljust(16, b"\0")
    head += struct.pack("<HHIQQQIHHHHHH", 3, 183, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    return head + b"".join(
        struct.pack("<IIQQQQQQ", kind, flags, offset, start, start, size, size, align)
        for kind, flags, offset, start, size, align in segments
    )


def looked_at(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools/elf_pages.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603


CODE = (LOAD, READ, 0, 0, 0x9000, 0x10000)
DATA = (LOAD, WRITE, 0xFD80, 0x1FD80, 0x1000, 0x10000)
LOCKED = (RELRO, READ, 0xFD80, 0x1FD80, 0x280, 1)


@pytest.mark.parametrize(
    ("segments", "fault"),
    [
        ((CODE, DATA, LOCKED), ""),
        ((CODE, (*DATA[:5], 0x4000), LOCKED), ""),
        (((*CODE[:5], 0x1000), DATA), "keeps to pages of 0x1000"),
        ((CODE, (LOAD, WRITE, 0x9D80, 0x10D80, 0x1000, 0x10000)), "lies otherwise on its page"),
        ((CODE, (LOAD, WRITE, 0xA000, 0xA000, 0x1000, 0x4000)), "share a page"),
        ((CODE, DATA, (RELRO, READ, 0xFE00, 0x1FE00, 0x200, 1)), "is locked with it"),
    ],
)
def test_what_cannot_be_loaded_is_named(
    segments: tuple[tuple[int, int, int, int, int, int], ...], fault: str, tmp_path: Path
) -> None:
    (tmp_path / "library.so").write_bytes(elf(*segments))
    (tmp_path / "text").write_text("nothing")
    said = looked_at(tmp_path)
    assert fault in said.stderr
    assert said.returncode == bool(fault), said.stderr
    assert "1 files were looked at" in said.stderr


def test_a_folder_without_programs_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("nothing")
    assert looked_at(tmp_path).returncode == 1

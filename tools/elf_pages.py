#!/usr/bin/env python3
"""See that programs and libraries load where memory has large pages: elf_pages.py FOLDER...

A Raspberry Pi 5 starts with pages of 16 kB, which are asked for here; others have up to 64 kB.
Each part of a file that is mapped (LOAD) has to say that it keeps to such pages, and to lie on them
in memory as in the file; no page may belong to two parts; and what is locked after the start
(RELRO) may begin amid a page only where nothing before it on that page is written to. Its end is
rounded down by whoever loads it. Prints what does not do, and ends with 1 then, or where it found
nothing to look at. Files of 64 bits, low byte first; others are left out.
"""

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = 1 << 14
LOAD, RELRO, WRITABLE = 1, 0x6474E552, 2
HEAD, SEGMENT = "<32xQ14xHH", "<IIQQQQQQ"
MAGIC = b"\x7fELF\x02\x01"


@dataclass(frozen=True)
class Segment:
    """What a program header says."""

    kind: int
    flags: int
    offset: int
    start: int
    size: int
    align: int

    @property
    def end(self) -> int:
        """Where it ends in memory."""
        return self.start + self.size


def segments(raw: bytes) -> list[Segment]:
    """Read the program headers of a file; none where it is of another kind."""
    if not raw.startswith(MAGIC):
        return []
    place, size, count = struct.unpack_from(HEAD, raw)
    found = []
    for number in range(count):
        kind, flags, offset, start, _, _, length, align = struct.unpack_from(
            SEGMENT, raw, place + number * size
        )
        found.append(Segment(kind, flags, offset, start, length, align))
    return found


def faults(raw: bytes) -> Iterator[str]:
    """Say what keeps a file from being loaded by large pages."""
    found = segments(raw)
    loads = sorted((each for each in found if each.kind == LOAD), key=lambda each: each.start)
    for each in loads:
        if each.align < PAGE:
            yield f"the part at {each.start:#x} keeps to pages of {each.align:#x}"
        if (each.start - each.offset) % PAGE:
            yield f"the part at {each.start:#x} lies otherwise on its page in the file"
    for before, after in zip(loads, loads[1:], strict=False):
        if before.size and after.start // PAGE <= (before.end - 1) // PAGE:
            yield f"the parts at {before.start:#x} and {after.start:#x} share a page"
    for locked in (each for each in found if each.kind == RELRO):
        first = locked.start // PAGE * PAGE
        written = [each for each in loads if each.flags & WRITABLE]
        if any(
            each.start < locked.start and first < min(each.end, locked.start) for each in written
        ):
            yield f"what is written to before {locked.start:#x} is locked with it"


def main() -> int:
    """Look at all files of the folders; the exit status says whether they will do."""
    bad, seen = 0, 0
    for folder in sys.argv[1:]:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            raw = path.read_bytes()
            seen += bool(segments(raw))
            for fault in faults(raw):
                bad += 1
                sys.stderr.write(f"{path}: {fault}\n")
    sys.stderr.write(f"pages of {PAGE >> 10} kB: {seen} files were looked at\n")
    return 1 if bad or not seen else 0


if __name__ == "__main__":
    sys.exit(main())

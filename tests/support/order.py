"""Which files of tests are begun first: those that take long, so that none is left for the end.

With a process of tests per core, a long file that begins last is waited for by all the others.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath

import pytest

# Folders of what starts networks, the longest first, and files of few tests that take long.
LONG = (
    *("interop", "faults", "browser", "system", "journeys", "backup", "moving"),
    *("test_hostile_records.py", "test_fuzz.py", "test_architecture.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file; within a file everything stays as it is."""
    sizes = Counter(_file(item.nodeid) for item in items)
    slow = {_file(item.nodeid) for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: rank(_file(item.nodeid), slow, sizes))


def rank(file: str, slow: set[str], sizes: Mapping[str, int]) -> tuple[bool, int, int, str]:
    """Give a file's place: slow ones, then by folder, then those with more tests."""
    folders = PurePath(file).parts
    place = next((n for n, name in enumerate(LONG) if name in folders), len(LONG))
    return file not in slow, place, -sizes[file], file


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]

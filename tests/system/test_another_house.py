"""A network of the size that one restore has to show: see tests/backup/test_another_house.py."""

from pathlib import Path

import pytest

from tests.backup.test_another_house import lose_and_restore
from tests.support.whole_network import Size

pytestmark = pytest.mark.machines


def test_fifty_people_with_twenty_thousand_records_and_five_hundred_blobs(tmp_path: Path) -> None:
    lose_and_restore(tmp_path, Size(members=50, records=20_000, blobs=500))

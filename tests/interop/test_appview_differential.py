"""Our AppView and the reference answer alike, but for differences that have a reason."""

import pytest

from tests.interop.appview_differential import run
from tests.interop.kept_appview import KEPT, reasons, unexplained


@pytest.mark.slow
async def test_every_difference_from_the_reference_appview_has_a_reason() -> None:
    pairs = await run()
    assert len(pairs) >= 150
    assert len({pair.scene for pair in pairs}) >= 12
    told = {
        pair.name: {part: pair.differences.get(part) for part in parts}
        for pair in pairs
        if (parts := unexplained(pair))
    }
    assert told == {}
    used = {kept.why for pair in pairs for kept in reasons(pair)}
    assert {kept.why for kept in KEPT} - used == set(), "no such difference any more"
    assert [pair.name for pair in pairs if pair.ours.status >= 500] == []

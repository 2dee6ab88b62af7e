"""Ours and the reference answer alike, but for differences that have a reason.

The scenes of `corpus` are played at both at once; what is compared is in `outcomes`.
"""

import pytest

from tests.interop.corpus.scenes import SCENES
from tests.interop.differential import run
from tests.interop.kept import KEPT
from tests.support.node import node

BEHAVIOURS = set(range(1, 54))
# Racing writes, and the one tree that any order of writes leads to.
SHOWN_ELSEWHERE = {31, 39}


@pytest.mark.slow
async def test_every_difference_from_the_reference_has_a_reason() -> None:
    node()
    pairs = await run(SCENES)
    assert len(pairs) > 1700
    different = [pair for pair in pairs if pair.differences]
    unexplained = [pair for pair in different if not any(kept.explains(pair) for kept in KEPT)]
    told = [
        f"{pair.name} [{pair.ours.short} | {pair.theirs.short}] {pair.differences}"
        for pair in unexplained
    ]
    assert told == []
    stale = [kept for kept in KEPT if not any(kept.explains(pair) for pair in different)]
    assert stale == [], "no such difference any more"
    crashes = [pair.name for pair in pairs if pair.ours.status == 500]
    assert crashes == []


def test_the_corpus_covers_the_behaviours() -> None:
    asked = {step.line for scene in SCENES for step in scene.steps}
    assert BEHAVIOURS - asked == SHOWN_ELSEWHERE


def test_every_step_has_a_name_of_its_own() -> None:
    for scene in SCENES:
        names = [step.what for step in scene.steps]
        assert sorted(names) == sorted(set(names)), scene.name

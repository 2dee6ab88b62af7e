"""The newest of a house that was away comes first, and in the end all is as the stream made it."""

from pathlib import Path
from random import Random

import pytest

from appliance.appview.arrivals import Gap
from appliance.atproto.tid import Tid
from tests.support.index_histories import NAMES, Step, Writer, apply, apply_early, told_by_name
from tests.support.index_lab import IndexLab, open_lab

BEFORE, DURING = 40, 60


def history(lab: IndexLab, seed: int) -> tuple[list[Step], list[Step]]:
    """What accounts wrote before two houses parted, and while they were apart."""
    writer = Writer(Random(seed), [lab.account(name) for name in NAMES])  # noqa: S311
    while len(writer.steps) < BEFORE + DURING:
        writer.write()
    return writer.steps[:BEFORE], writer.steps[BEFORE:]


@pytest.mark.parametrize("seed", (108, *range(8)))
def test_with_a_head_start_the_index_ends_as_the_stream_alone_makes_it(
    tmp_path: Path, seed: int
) -> None:
    folders = [tmp_path / name for name in ("alone", "ahead")]
    for folder in folders:
        folder.mkdir()
    with open_lab(folders[0]) as alone, open_lab(folders[1]) as ahead:
        before, during = history(alone, seed)
        assert history(ahead, seed) == (before, during)
        for step in [*before, *during]:
            apply(alone, step)
        for step in before:
            apply(ahead, step)
        random, early = Random(seed), 0  # noqa: S311
        # The snapshots are of a moment in the gap; the stream is somewhere before it, or beyond.
        seen = random.randrange(DURING // 2, DURING)
        starts = {random.randrange(seen): name for name in ahead_of(ahead)}
        revs = {step.did: step.rev for step in before}
        for number, step in enumerate(during):
            did = starts.get(number)
            if did in revs:
                gap = Gap(revs[did], Tid.from_us(during[seen - 1].at_us))
                early += apply_early(ahead, did, [*before, *during[:seen]], gap, 8)
            apply(ahead, step)
        assert early > 0
        assert told_by_name(ahead) == told_by_name(alone)


def ahead_of(lab: IndexLab) -> list[str]:
    return [did for (did,) in lab.conn.rows("SELECT did FROM actor ORDER BY id")]

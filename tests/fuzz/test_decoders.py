"""Whatever reads bytes of strangers: a hundred thousand damaged inputs, fewer faults than one.

Each is read, or refused in the words of its decoder, in two seconds at most, and leaves nothing in
memory. The seed is fixed here and told where a long run finds something;
`python -m tests.fuzz.guided` looks further, guided by which lines were reached.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random, SystemRandom

import pytest

from tests.support.decoders import Decoder, binary_decoders
from tests.support.mutations import Mutator
from tests.support.text_decoders import text_decoders

INPUTS = 100_000
LONG_INPUTS = 5_000_000
SEED = 20261121
SECONDS = 2.0  # of this process's own time, for one input
GROWTH_KB = 50 * 1024
DECODERS = [*binary_decoders(), *text_decoders()]
ALL_WEIGHTS = sum(each.weight for each in DECODERS)


class Hangs(Exception):
    """One input has taken too long."""


def share(decoder: Decoder, inputs: int) -> int:
    """How many of all inputs a decoder gets."""
    return -(-inputs * decoder.weight // ALL_WEIGHTS)


def resident_kb() -> int:
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return int(told.split("VmRSS:")[1].split()[0])


@contextmanager
def watched() -> Iterator[None]:
    """Raise Hangs in whatever uses more than its time."""

    def ring(_number: int, _frame: object) -> None:
        raise Hangs

    before = signal.signal(signal.SIGPROF, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def faults_of(decoder: Decoder, seed: int, inputs: int) -> tuple[list[str], int]:
    """Feed a decoder; give what went wrong, and how many inputs it took for good."""
    mutator = Mutator(Random(f"{seed} {decoder.name}"), decoder.samples)  # noqa: S311
    faults: list[str] = []
    taken = 0
    with watched():
        for _ in range(inputs):
            data = mutator.make()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                decoder.read(data)
                taken += 1
            except decoder.refuses:
                pass
            except Exception as fault:  # noqa: BLE001
                faults.append(f"{fault!r:.200} of {data[:400]!r}")
    return faults, taken


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda each: each.name)
def test_no_bytes_break_it(decoder: Decoder) -> None:
    faults_of(decoder, SEED + 1, 200)  # whatever is loaded or compiled once
    before = resident_kb()
    faults, taken = faults_of(decoder, SEED, share(decoder, INPUTS))
    assert not faults, f"{decoder.name}: {len(faults)} faults: " + "\n".join(faults[:5])
    assert resident_kb() - before < GROWTH_KB
    # Damage that is never survived reaches nothing but the first check.
    assert taken or decoder.refuses


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda each: each.name)
def test_what_it_is_made_for_is_taken(decoder: Decoder) -> None:
    assert any(_is_taken(decoder, sample) for sample in decoder.samples)


def _is_taken(decoder: Decoder, sample: bytes) -> bool:
    try:
        decoder.read(sample)
    except decoder.refuses:
        return False
    return True


@pytest.mark.long
@pytest.mark.parametrize("decoder", DECODERS, ids=lambda each: each.name)
def test_five_million_inputs_break_nothing(decoder: Decoder) -> None:
    seed = SystemRandom().randrange(2**32)
    before = resident_kb()
    faults, _ = faults_of(decoder, seed, share(decoder, LONG_INPUTS))
    assert not faults, f"seed {seed}, {decoder.name}: " + "\n".join(faults[:5])
    assert resident_kb() - before < GROWTH_KB, seed

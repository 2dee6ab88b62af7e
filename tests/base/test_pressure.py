"""Memory: what the kernel tells of it, when it is little, and what is done then."""

from pathlib import Path

import pytest

from appliance.base.pressure import (
    AGAIN_SECONDS,
    LEAST,
    MIB,
    Kernel,
    Memory,
    NoMemory,
    Reading,
    Sparing,
    is_little,
)

GIB = 1024 * MIB


def told(path: Path, **files: str) -> Kernel:
    """A kernel that tells so much; names of files with `__` for `/`."""
    for name, text in {"proc__meminfo": meminfo(900), "proc__self__cgroup": "", **files}.items():
        place = path / name.replace("__", "/").replace("_dot_", ".")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return Kernel(path / "proc", path / "groups")


def meminfo(free: int, whole: int = 1000) -> str:
    return f"MemTotal: {whole * 1024} kB\nMemFree: 1 kB\nMemAvailable: {free * 1024} kB\n"


def test_what_is_left_of_the_machine_is_told(tmp_path: Path) -> None:
    assert told(tmp_path).look() == Reading(900 * MIB, 1000 * MIB)
    assert Kernel(tmp_path / "none", tmp_path / "none").look() is None


def test_a_control_group_counts_where_it_leaves_less(tmp_path: Path) -> None:
    group = "groups__system__hearth__memory_dot_"
    kernel = told(
        tmp_path,
        proc__self__cgroup="0::/system/hearth\n",
        groups__system__memory_dot_max=f"{500 * MIB}\n",
        groups__system__memory_dot_current=f"{200 * MIB}\n",
        **{
            f"{group}high": f"{100 * MIB}\n",
            f"{group}max": "max\n",
            f"{group}current": f"{90 * MIB}\n",
            f"{group}stat": f"anon 7\ninactive_file {15 * MIB}\n",
            f"{group}pressure": "some avg10=31.50 avg60=0 avg300=0 total=9\nfull avg10=1.0\n",
        },
        proc__pressure__memory="some avg10=1.00 avg60=0 avg300=0 total=9\n",
    )
    assert kernel.look() == Reading(25 * MIB, 100 * MIB, 31.5)


def test_control_groups_of_the_first_kind_count_too(tmp_path: Path) -> None:
    group = "groups__memory__box__memory_dot_"
    kernel = told(
        tmp_path,
        proc__self__cgroup="4:memory:/box\n1:cpu:/else\n0::/\n",
        **{
            f"{group}limit_in_bytes": f"{256 * MIB}\n",
            f"{group}usage_in_bytes": f"{250 * MIB}\n",
            f"{group}stat": f"total_inactive_file {10 * MIB}\n",
        },
        proc__pressure__memory="some avg10=2.50 avg60=0 avg300=0 total=9\n",
    )
    assert kernel.look() == Reading(16 * MIB, 256 * MIB, 2.5)


@pytest.mark.parametrize(
    ("reading", "little"),
    [
        (Reading(LEAST, 4 * GIB), False),
        (Reading(LEAST - 1, 4 * GIB), True),
        (Reading(30 * MIB, 256 * MIB), False),
        (Reading(25 * MIB, 256 * MIB), True),
        (Reading(GIB // 2, 4 * GIB, 21.0), True),
        (Reading(2 * GIB, 4 * GIB, 90.0), False),
        (None, False),
    ],
)
def test_what_little_is(reading: Reading | None, little: bool) -> None:
    assert is_little(reading) is little


class House:
    """Memory set by hand, and a cache that counts how often it is given back."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reading: Reading | None = Reading(GIB, 4 * GIB)
        self.memory = Memory(lambda: self.reading, lambda: self.now)
        self.sparing = Sparing(self.memory, [self._slim], lambda: self.now)
        self.slimmed = 0

    async def _slim(self) -> None:
        self.slimmed += 1

    async def after(self, seconds: float, free: int) -> int:
        self.now += seconds
        self.reading = Reading(free, 4 * GIB)
        await self.sparing.look()
        return self.slimmed


async def test_caches_are_given_back_while_memory_is_short_and_it_goes_on_by_itself() -> None:
    house = House()
    assert await house.after(5, GIB) == 0
    house.memory.require()
    assert await house.after(5, LEAST - 1) == 1
    with pytest.raises(NoMemory):
        house.memory.require()
    assert await house.after(5, LEAST - 1) == 1
    assert await house.after(AGAIN_SECONDS, LEAST - 1) == 2
    assert await house.after(5, LEAST + 1) == 2
    assert house.memory.is_short, "it would be short and ample in turn"
    assert await house.after(5, 2 * LEAST) == 2
    house.memory.require()
    assert await house.after(5, LEAST - 1) == 2
    assert await house.after(AGAIN_SECONDS, LEAST - 1) == 3

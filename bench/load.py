"""A closed loop of requests, and the figures that it gives."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench.machine import Meter, settle

WARM_UP_SECONDS = 0.3


@dataclass(frozen=True)
class Figures:
    """One measurement.

    `cpu_ms` is the server's CPU time for one operation, `disk_kb` what it wrote for it, both with
    the work that the operations left behind; `others` is how many cores strangers used meanwhile:
    the noise of the machine.
    """

    rate: float
    unit: str
    cpu_ms: float
    disk_kb: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    others: float
    more: dict[str, float] = field(default_factory=dict)


def figures(
    meter: Meter, count: float, seconds: float, others: float, took: list[float], unit: str
) -> Figures:
    """Sum up: `took` holds latencies in seconds."""
    cpu_ms = 1000 * meter.server_seconds() / max(count, 1)
    disk_kb = meter.disk_kb() / max(count, 1)
    p50, p95, p99 = (1000 * percentile(took, share) for share in (0.50, 0.95, 0.99))
    return Figures(count / seconds, unit, cpu_ms, disk_kb, p50, p95, p99, others / seconds)


def percentile(values: list[float], share: float) -> float:
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def closed_loop(
    pid: int,
    connections: int,
    seconds: float,
    one: Callable[[int], Awaitable[object]],
    *,
    unit: str = "ops/s",
    each: int = 1,
) -> Figures:
    """Have each of `connections` clients call `one(client)` again as soon as it is answered.

    `each` is how many operations a call is worth. What `one` raises ends the measurement: a
    server that fails under load has no figures.
    """
    await _loop(connections, WARM_UP_SECONDS, one)
    await settle(pid)
    meter, started = Meter.begin(pid), time.perf_counter()
    took = await _loop(connections, seconds, one)
    elapsed, others = time.perf_counter() - started, meter.others_seconds()
    await settle(pid)
    return figures(meter, len(took) * each, elapsed, others, took, unit)


async def _loop(
    connections: int, seconds: float, one: Callable[[int], Awaitable[object]]
) -> list[float]:
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def client(number: int) -> None:
        now = time.perf_counter()
        while now < until:
            await one(number)
            now, before = time.perf_counter(), now
            took.append(now - before)

    async with asyncio.TaskGroup() as group:
        for number in range(connections):
            group.create_task(client(number))
    return took

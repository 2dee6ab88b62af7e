"""All cases by name, the choice among them, and how figures are written down."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from bench import cases, imports, pages, streams
from bench.cases import Case
from bench.load import Figures

HEAD = "| case | rate | CPU ms | disk kB | p50 / p95 / p99 ms | others |\n|---|---|---|---|---|---|"


class NoSuchCase(ValueError):
    """A name that no case begins with."""


def all_cases() -> dict[str, Case]:
    """Give every case; the history that `replay` makes is the first, so it is the same for all."""
    return {**streams.cases(), **cases.cases(), **imports.cases(), **pages.cases()}


def choose(names: Sequence[str]) -> dict[str, Case]:
    """Give the cases whose names begin with one of these; all, if none is named.

    Raises NoSuchCase.
    """
    found = all_cases()
    for name in names:
        if not any(case.startswith(name) for case in found):
            raise NoSuchCase(f"no case begins with {name}; there are: {', '.join(found)}")
    return {
        case: run
        for case, run in found.items()
        if not names or any(case.startswith(name) for name in names)
    }


def middle(runs: Sequence[Figures]) -> Figures:
    """Give the medians of several runs of one case."""

    def of(name: str) -> float:
        return float(median(getattr(run, name) for run in runs))

    return Figures(
        of("rate"),
        runs[0].unit,
        of("cpu_ms"),
        of("disk_kb"),
        of("p50_ms"),
        of("p95_ms"),
        of("p99_ms"),
        of("others"),
        {name: median(run.more[name] for run in runs) for name in runs[0].more},
    )


def row(name: str, found: Figures) -> str:
    """Write one line of the table."""
    more = "".join(f", {number(value)} {unit}" for unit, value in found.more.items())
    return (
        f"| {name} | {number(found.rate)} {found.unit}{more} | {found.cpu_ms:.3f} |"
        f" {number(found.disk_kb)} |"
        f" {number(found.p50_ms)} / {number(found.p95_ms)} / {number(found.p99_ms)} |"
        f" {found.others:.1f} |"
    )


def number(value: float) -> str:
    """Write a number with three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def save(path: str, found: dict[str, Any]) -> None:
    """Keep every figure of every round."""
    Path(path).write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))

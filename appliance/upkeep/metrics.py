"""What a role counts, as text that Prometheus and its kin read; for the operator only.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from aiohttp import web

from appliance.upkeep.operator_access import Attended

PATH: Final = "/metrics"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["counter", "gauge"]
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing that is counted or measured, under one name; `values` by their labels.

    The name of a counter ends in `_total`, that of a measure in its unit.
    """

    name: str
    kind: Kind
    help: str
    values: Mapping[Labels, float]

    @classmethod
    def single(cls, name: str, kind: Kind, help: str, value: float) -> "Metric":
        """Make a metric that has no labels."""
        return cls(name, kind, help, {(): value})

    @classmethod
    def by(
        cls, label: str, name: str, kind: Kind, help: str, values: Mapping[str, float]
    ) -> "Metric":
        """Make a metric with one label."""
        return cls(name, kind, help, {((label, key),): each for key, each in values.items()})


@dataclass(slots=True)
class Timing:
    """How often something was done and how long it took in all."""

    count: int = field(default=0)
    seconds: float = field(default=0.0)

    def add(self, count: int, seconds: float) -> None:
        self.count += count
        self.seconds += seconds


Metrics = Callable[[], AsyncIterator[Metric]]


Report = Callable[[], Awaitable[Any]]


def of_report(ask: Report, *others: Metrics) -> Metrics:
    """Make metrics of what a role says of itself, and of whatever else it counts."""

    async def metrics() -> AsyncIterator[Metric]:
        named = set()
        for more in others:
            async for each in more():
                named.add(each.name)
                yield each
        for each in from_report(await ask()):
            if each.name not in named:
                yield each

    return metrics


def from_report(told: Mapping[str, Any]) -> list[Metric]:
    """Turn a role's status into metrics: its numbers, its background work, what it finds wrong."""
    stem = f"hearth_{told['name']}"
    workers = told["workers"]
    running = {one["name"]: float(one["state"] == "running") for one in workers}
    failures = {one["name"]: float(one["failures"]) for one in workers}
    levels = Counter(one["level"] for one in told["findings"])
    found = [
        Metric.single(f"{stem}_uptime_seconds", "gauge", "Time since the start.", told["uptime_s"]),
        Metric.by("worker", f"{stem}_worker_running", "gauge", "Background work.", running),
        Metric.by(
            "worker", f"{stem}_worker_failures_total", "counter", "Failures of it.", failures
        ),
        Metric.by("level", f"{stem}_findings", "gauge", "What is found wrong.", dict(levels)),
    ]
    for name, value in told["counts"].items():
        help_text = f"As in its status: {name}."
        if _is_number(value):
            found.append(Metric.single(f"{stem}_{name}", "gauge", help_text, value))
        elif isinstance(value, Mapping):
            numbers = {str(key): float(each) for key, each in value.items() if _is_number(each)}
            if numbers:
                found.append(Metric.by("kind", f"{stem}_{name}", "gauge", help_text, numbers))
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def render(metric: Metric) -> str:
    """Write one metric."""
    lines = [f"# HELP {metric.name} {_escaped(metric.help)}", f"# TYPE {metric.name} {metric.kind}"]
    for labels, value in sorted(metric.values.items()):
        pairs = ",".join(f'{name}="{_escaped(text, quoted=True)}"' for name, text in labels)
        lines.append(f"{metric.name}{{{pairs}}} {value:.17g}" if pairs else _plain(metric, value))
    return "\n".join(lines) + "\n"


def endpoint(
    role: Attended, metrics: Metrics
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Make the handler of `/metrics`, which answers the operator alone."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if not role.access.admits(request.headers.get("Authorization", "")):
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        text = "".join([render(metric) async for metric in metrics()])
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    return answer


def _plain(metric: Metric, value: float) -> str:
    return f"{metric.name} {value:.17g}"


def _escaped(text: str, *, quoted: bool = False) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return escaped.replace('"', '\\"') if quoted else escaped

"""What a role counts, as text that Prometheus and its kin read; for the operator only.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

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

"""Metrics as text: names, labels, escapes, and for whom."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from appliance.upkeep.metrics import CONTENT_TYPE, PATH, Metric, Timing, endpoint, render
from appliance.upkeep.operator_access import OperatorAccess


@dataclass
class Role:
    access: OperatorAccess


async def two_metrics() -> AsyncIterator[Metric]:
    yield Metric.single("hearth_x", "gauge", "An x.", 1)
    yield Metric.by("host", "hearth_y_total", "counter", "A y.", {"b": 2, "a": 0.5})


def test_a_metric_is_written_with_its_help_its_kind_and_its_labels() -> None:
    metric = Metric.by("host", "hearth_y_total", "counter", "A y.", {"b": 2, "a": 0.5})
    assert render(metric) == (
        "# HELP hearth_y_total A y.\n"
        "# TYPE hearth_y_total counter\n"
        'hearth_y_total{host="a"} 0.5\n'
        'hearth_y_total{host="b"} 2\n'
    )
    assert render(Metric.single("n", "gauge", "N.", 1_790_000_000_123_456)).endswith(
        "\nn 1790000000123456\n"
    )


def test_a_label_cannot_break_out_of_its_line() -> None:
    written = render(Metric.by("host", "n", "gauge", "a\nb", {'x"} 9\n\\': 1}))
    assert written.splitlines() == [
        "# HELP n a\\nb",
        "# TYPE n gauge",
        'n{host="x\\"} 9\\n\\\\"} 1',
    ]


async def test_only_the_operator_reads_metrics(tmp_path: Path) -> None:
    role = Role(OperatorAccess(tmp_path / "token"))
    app = web.Application()
    app.router.add_get(PATH, endpoint(role, two_metrics))
    async with TestClient(TestServer(app)) as client:
        answer = await client.get(PATH)
        assert (answer.status, await answer.text()) == (401, "")
        answer = await client.get(PATH, headers={"Authorization": role.access.header})
        assert (answer.status, answer.headers["Content-Type"]) == (200, CONTENT_TYPE)
        assert (await answer.text()).count("# TYPE") == 2


def test_a_timing_adds_up() -> None:
    timing = Timing()
    timing.add(3, 0.5)
    timing.add(1, 0.25)
    assert (timing.count, timing.seconds) == (4, 0.75)

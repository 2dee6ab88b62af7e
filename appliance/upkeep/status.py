"""What every role reports of itself: `internal.hearth.upkeep.getStatus`."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from appliance.base.workers import WorkerStatus
from appliance.upkeep.checkup import Finding
from appliance.version import VERSION

_STARTED = time.monotonic()


def report(
    name: str,
    workers: Sequence[WorkerStatus],
    counts: Mapping[str, Any],
    findings: Sequence[Finding] = (),
) -> dict[str, Any]:
    """Describe a role: its version, seconds since start, background loops, counts and findings."""
    return {
        "name": name,
        "version": VERSION,
        "uptime_s": int(time.monotonic() - _STARTED),
        "workers": [_worker(status) for status in workers],
        "counts": dict(counts),
        "findings": [asdict(finding) for finding in findings],
    }


def _worker(status: WorkerStatus) -> dict[str, Any]:
    since = datetime.fromtimestamp(status.since, UTC).isoformat(timespec="milliseconds")
    described: dict[str, Any] = {
        "name": status.name,
        "state": "running" if status.running else "waiting",
        "since": since.replace("+00:00", "Z"),
        "failures": status.failures,
    }
    if status.last_error is not None:
        described["lastError"] = status.last_error
    return described

"""Hearth in this process, each callback of the loop measured: `python -m bench.turns try ...`.

On asyncio's own loop, which can be looked into. A *turn* is what the loop runs between two looks at
its sockets and timers; a *callback* is one step of a task, or one reading of a socket. Told are the
processor's time of both, what the longest turns were made of, and the collector's pauses. SIGUSR1
begins anew, SIGUSR2 writes to FIGURES. `python -m bench.mixed --turns` puts it under load.
"""

import asyncio
import gc
import json
import os
import signal
import sys
import time
from asyncio import base_events, events
from collections import defaultdict
from pathlib import Path
from typing import Any

from appliance import cli, node
from bench.watched import spread

LONG_TURN = 0.02
NAMED = 8
# What all requests have in common says nothing.
COMMON = frozenset(
    ("RequestHandler.start", "RequestHandler._handle_request", "Application._handle")
)


class Turns:
    """What was run, since somebody last asked to begin anew."""

    def __init__(self) -> None:
        self._run_handle = events.Handle._run
        self._run_once = base_events.BaseEventLoop._run_once  # type: ignore[attr-defined]
        self._turn: list[tuple[float, str]] = []
        self._pause_began = 0.0
        self.forget()

    def forget(self) -> None:
        self._turns: list[float] = []
        self._callbacks: list[float] = []
        self._pauses: dict[int, list[float]] = defaultdict(list)
        self._long: list[tuple[float, list[tuple[float, str]]]] = []

    def watch(self) -> None:
        """Put this around whatever loops run from now on."""
        turns = self

        def run_handle(handle: Any) -> None:
            name, before = _name(handle._callback), time.thread_time()
            turns._run_handle(handle)
            turns._turn.append((time.thread_time() - before, name))

        def run_once(loop: Any) -> None:
            turns._turn = []
            turns._run_once(loop)
            turns._end_turn()

        events.Handle._run = run_handle  # type: ignore[assignment, method-assign]
        base_events.BaseEventLoop._run_once = run_once  # type: ignore[attr-defined]
        gc.callbacks.append(self._collected)

    def _end_turn(self) -> None:
        used = sum(each for each, _ in self._turn)
        self._turns.append(used)
        self._callbacks += [each for each, _ in self._turn]
        if used > LONG_TURN:
            self._long.append((used, self._turn))

    def _collected(self, phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            self._pause_began = time.thread_time()
        else:
            self._pauses[about["generation"]].append(time.thread_time() - self._pause_began)

    def tell(self) -> None:
        """Write the figures, whole or not at all."""
        told = {
            "turns": len(self._turns),
            "turn_ms": spread(self._turns),
            "callbacks": len(self._callbacks),
            "callback_ms": spread(self._callbacks),
            "collector_ms": {each: spread(took) for each, took in self._pauses.items()},
            "longest": [_made_of(*each) for each in sorted(self._long, reverse=True)[:NAMED]],
        }
        place = Path(os.environ["FIGURES"])
        half = place.with_suffix(".half")
        half.write_text(json.dumps(told, indent=1))
        half.rename(place)


def _made_of(used: float, turn: list[tuple[float, str]]) -> str:
    """Say how many callbacks of which kind a turn was made of, the dearest first."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for each, name in turn:
        kinds[name].append(each)
    dearest = sorted(kinds.items(), key=lambda kind: -sum(kind[1]))[:3]
    parts = [f"{len(all_)} x {name} {1000 * sum(all_):.1f}" for name, all_ in dearest]
    return f"{1000 * used:.1f} ms: {', '.join(parts)}"


def _name(callback: Any) -> str:
    """Name a callback; a task by where it goes on."""
    whose = getattr(callback, "__self__", None)
    if not isinstance(whose, asyncio.Task):
        return str(getattr(callback, "__qualname__", type(callback).__name__))
    names: list[str] = []
    step: Any = whose.get_coro()
    while (name := getattr(step, "__qualname__", None)) is not None:
        names.append(name)
        step = getattr(step, "cr_await", None)
    own = [name for name in names if name not in COMMON]
    return ">".join((own or names)[-3:])


def main() -> None:
    """Start Hearth with the arguments."""
    serve = node._serve
    turns = Turns()
    turns.watch()

    async def watched(*given: Any, **named: Any) -> Any:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, turns.forget)
        loop.add_signal_handler(signal.SIGUSR2, turns.tell)
        return await serve(*given, **named)

    node._serve = watched
    node._fastest_loop = lambda: None
    cli.main(sys.argv[1:])


if __name__ == "__main__":
    main()

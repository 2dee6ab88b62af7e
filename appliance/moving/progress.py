"""How far a move is: a bar on the terminal, and a word to the panel every second."""

import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TextIO

from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.terminal import printable, unguarded

EVERY_SECONDS: Final = 1.0
_WIDTH: Final = 30
_REDRAW_SECONDS: Final = 0.1

Report = Callable[[dict[str, Any]], Awaitable[object]]


class Progress:
    """Tell of one move. `unit` of a step is "bytes" or what is counted."""

    def __init__(self, report: Report, out: TextIO | None = None) -> None:
        """Take what passes a report on; it may fail without harm."""
        self._report = report
        self._out = out or unguarded(sys.stderr)
        self._bar = self._out.isatty()
        self._step, self._unit = "", ""
        self._of = self._done = 0
        self._told_at = self._drawn_at = 0.0
        self.about: dict[str, Any] = {}

    @property
    def step(self) -> str:
        """What was begun last."""
        return self._step

    async def begin(self, step: str, of: int = 0, unit: str = "bytes") -> None:
        """Say what is done now; `of` is 0 where nobody knows how much it is."""
        self._step, self._of, self._unit, self._done = step, of, unit, 0
        await self._tell("running")

    async def reach(self, done: int) -> None:
        """Say how much of the step is done."""
        self._done = done
        now = time.monotonic()
        if self._bar and now - self._drawn_at > _REDRAW_SECONDS:
            self._drawn_at = now
            self._out.write(f"\r\x1b[K{self._line()}")
            self._out.flush()
        if now - self._told_at > EVERY_SECONDS:
            await self._tell("running")

    async def end(self, words: str) -> None:
        """Say what became of the step."""
        self._out.write(f"{self._clear()}{self._step:15} {printable(words)}\n")
        self._out.flush()
        self._of = self._done

    async def close(self, state: str, words: str = "") -> None:
        """Say how the move stands when the command ends."""
        self._out.write(self._clear())
        await self._tell(state, words)

    def _clear(self) -> str:
        return "\r\x1b[K" if self._bar else ""

    def _line(self) -> str:
        if not self._of:
            return f"{self._step:15} {_amount(self._done, self._unit)}"
        share = min(1.0, self._done / self._of)
        bar = "#" * round(share * _WIDTH)
        amounts = f"{_amount(self._done, self._unit)} of {_amount(self._of, self._unit)}"
        return f"{self._step:15} [{bar:{_WIDTH}}] {share:4.0%}  {amounts}"

    async def _tell(self, state: str, words: str = "") -> None:
        self._told_at = time.monotonic()
        if "did" not in self.about:
            return
        fields = {**self.about, "step": self._step, "done": self._done, "of": self._of}
        told = {**fields, "state": state, "words": words[:2000]}
        try:
            await self._report(told)
        except XrpcError:
            return  # the panel is blind for a moment; the move goes on


def _amount(number: int, unit: str) -> str:
    if unit != "bytes":
        return f"{number:,} {unit}"
    if number < 1_000_000:
        return f"{number / 1000:.0f} kB"
    return f"{number / 1_000_000:.1f} MB"

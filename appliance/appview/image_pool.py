"""A few processes that decode pictures (see `image_decoder`), replaced when one dies or dawdles."""

import asyncio
import json
import logging
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from appliance.base import cores
from appliance.base.pressure import Memory

log = logging.getLogger(__name__)

DECODER = Path(__file__).with_name("image_decoder.py")
LONGEST_JOB_SECONDS = 20.0
JOBS_PER_PROCESS = 200
MOST_ANSWER_BYTES = 64_000_000
# A decoder sees nothing of our environment.
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1"}


class UndecodableImage(Exception):
    """A blob that is no picture we can show; the message says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture and its MIME type."""

    mime_type: str
    body: bytes


class ImagePool:
    """Decoders, at most `size` at work at a time, started when first needed."""

    def __init__(self, size: int, memory: Memory) -> None:
        self._memory = memory
        self._free: asyncio.LifoQueue[_Decoder] = asyncio.LifoQueue()
        self._decoders = [_Decoder() for _ in range(size)]
        for decoder in self._decoders:
            self._free.put_nowait(decoder)

    @classmethod
    @asynccontextmanager
    async def open(cls, size: int = 2, memory: Memory | None = None) -> AsyncIterator[Self]:
        pool = cls(size, memory or Memory())
        try:
            yield pool
        finally:
            for decoder in pool._decoders:
                await decoder.stop()

    async def render(self, data: bytes, job: dict[str, Any]) -> Picture:
        """Make a picture for a job of `image_decoder`. Raises UndecodableImage, NoMemory."""
        self.require()
        decoder = await self._free.get()
        try:
            return await decoder.render(data, job)
        finally:
            self._free.put_nowait(decoder)

    def require(self) -> None:
        """Raises NoMemory: no picture is made while memory is short."""
        self._memory.require()

    async def slim(self) -> None:
        """End the processes that have nothing to do now."""
        for decoder in self._decoders:
            await decoder.slim()

    async def rest(self) -> None:
        """End the processes that had nothing to do since the last call."""
        for decoder in self._decoders:
            await decoder.rest()


class _Decoder:
    """One process at a time."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._jobs = 0
        self._at_work = False
        self._rested = False

    async def render(self, data: bytes, job: dict[str, Any]) -> Picture:
        self._at_work, self._rested = True, False
        try:
            return await self._render(data, job)
        finally:
            self._at_work = False

    async def slim(self) -> None:
        """End the process unless it has a job."""
        if not self._at_work:
            await self.stop()

    async def rest(self) -> None:
        """End the process if it has had no job since the last call."""
        if self._rested and not self._at_work:
            await self.stop()
        self._rested = True

    async def _render(self, data: bytes, job: dict[str, Any]) -> Picture:
        finished = False
        try:
            async with asyncio.timeout(LONGEST_JOB_SECONDS):
                status, header, body = await self._ask(data, job)
            finished = self._jobs < JOBS_PER_PROCESS
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
            log.warning("image decoder lost bytes=%d reason=%s", len(data), type(error).__name__)
            raise UndecodableImage("the decoder gave up") from error
        finally:
            if not finished:
                await self.stop()
        if status != 0:
            raise UndecodableImage(str(header["reason"]))
        return Picture(str(header["type"]), body)

    async def stop(self) -> None:
        """Kill the process; the next job starts another."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    async def _ask(self, data: bytes, job: dict[str, Any]) -> tuple[int, dict[str, Any], bytes]:
        if self._process is None:
            with cores.spread():
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-I", str(DECODER), stdin=PIPE, stdout=PIPE, env=ENVIRONMENT
                )
            self._jobs = 0
        self._jobs += 1
        writer, reader = self._process.stdin, self._process.stdout
        if writer is None or reader is None:
            raise ConnectionError("the decoder has no pipes")
        text = json.dumps(job).encode()
        writer.write(struct.pack(">II", len(text), len(data)) + text)
        writer.write(data)
        await writer.drain()
        status, length = struct.unpack(">BI", await reader.readexactly(5))
        header = json.loads(await reader.readexactly(length))
        (length,) = struct.unpack(">I", await reader.readexactly(4))
        if length > MOST_ANSWER_BYTES:
            raise ConnectionError("the decoder's answer is too long")
        return status, header, await reader.readexactly(length)

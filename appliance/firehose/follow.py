"""Follow one upstream's stream of events: resume where it broke off, back off, stay alive.

A quiet upstream is a healthy one; only unanswered pings mean that it is gone.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import WSMsgType

from appliance.atproto.xrpc.frames import ERROR, InvalidFrame, decode_frame, error_frame
from appliance.base.http import HttpClient, OutboundFailed, OutboundRefused
from appliance.base.workers import Worker
from appliance.firehose.events import MAX_FRAME_BYTES

log = logging.getLogger(__name__)

PATH = "/xrpc/com.atproto.sync.subscribeRepos"
PING_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 600.0
# One of our own roles is only ever away for a moment.
FIRST_PAUSE_AT_HOME = 0.05
LONGEST_PAUSE_AT_HOME = 2.0

BATCH_FRAMES = 256
# A batch costs a transaction: on a busy stream, let some frames come together for the next one.
GATHER_SECONDS = 0.01
WAITING_BYTES = 8_000_000

# {"op": -1}: how an error frame begins.
_ERROR_START = error_frame("")[:5]


class StreamBroken(Exception):
    """What came cannot belong to a sound stream; the connection is to be made anew."""


OnFrames = Callable[[list[bytes]], Awaitable[None]]
OnError = Callable[[str], Awaitable[None]]


class Follower:
    """One connection to one upstream, made again whenever it breaks.

    `address` is "unix:/path.sock" for a role of ours, else an http(s) URL; `path` names the stream
    there, subscribeRepos unless another is given. `cursor` is asked before
    each connection; None means live from now on. `on_frames` gets raw frames in order, several at
    once if several wait, and stores its cursor itself; by StreamBroken it ends the connection.
    `on_error` gets the name of an error frame,
    after which the connection is made again.
    """

    def __init__(
        self,
        http: HttpClient,
        address: str,
        cursor: Callable[[], int | None],
        on_frames: OnFrames,
        on_error: OnError | None = None,
        *,
        path: str = PATH,
    ) -> None:
        self._http = http
        self._address = address
        self._cursor = cursor
        self._on_frames = on_frames
        self._on_error = on_error
        self._path = path
        self._nudged = asyncio.Event()
        self.connected_since: float | None = None
        self.last_failure: str | None = None

    def nudge(self) -> None:
        """Connect at once instead of waiting on: there is reason to think that it works now."""
        self._nudged.set()

    async def run(self) -> None:
        """Follow for ever; what the callbacks raise ends it."""
        at_home = self._address.startswith("unix:")
        first = FIRST_PAUSE_AT_HOME if at_home else FIRST_PAUSE
        longest = LONGEST_PAUSE_AT_HOME if at_home else LONGEST_PAUSE
        pause = first
        while True:
            started = time.monotonic()
            # What is said amid an attempt that then fails counts: the reason came after it began.
            self._nudged.clear()
            await self._follow_once()
            if time.monotonic() - started > HEALTHY_SECONDS:
                pause = first
            await self._wait(pause * secrets.SystemRandom().uniform(0.5, 1.5))
            pause = min(pause * 2, longest)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._nudged.wait()

    async def _follow_once(self) -> None:
        inbox = _Inbox()
        reader = Worker(f"read {self._address}", partial(self._read, inbox))
        reader.begin()
        try:
            while frames := await inbox.take():
                await self._give(frames)
                await inbox.gather()
        except StreamBroken as broken:
            self._failed(str(broken))
        finally:
            await reader.stop()
            self.connected_since = None

    async def _read(self, inbox: "_Inbox") -> None:
        """Connect and put what comes into the inbox, until the connection ends."""
        cursor = self._cursor()
        try:
            async with self._http.ws_connect(
                self._address.rstrip("/"),
                path=self._path,
                params=[] if cursor is None else [("cursor", str(cursor))],
                heartbeat=PING_SECONDS,
                max_bytes=MAX_FRAME_BYTES,
            ) as ws:
                self.connected_since = time.time()
                self._nudged.clear()
                log.info("following address=%s cursor=%s", self._address, cursor)
                async for message in ws:
                    if message.type is not WSMsgType.BINARY:
                        self._failed("it sent a message that is not binary")
                        return
                    await inbox.put(message.data)
                self._failed(f"it closed the connection, code {ws.close_code}")
        except (OutboundFailed, OutboundRefused) as error:
            self._failed(str(error))
        finally:
            inbox.end()

    async def _give(self, frames: list[bytes]) -> None:
        """Hand frames on; an error frame is the last of its connection."""
        name = _error_name(frames[-1])
        if name is None:
            await self._on_frames(frames)
            return
        if frames[:-1]:
            await self._on_frames(frames[:-1])
        self._failed(f"it answered {name!r}")
        if self._on_error is not None:
            await self._on_error(name)

    def _failed(self, reason: str) -> None:
        if reason != self.last_failure:
            log.warning("upstream lost address=%s reason=%s", self._address, reason)
        self.last_failure = reason


class _Inbox:
    """Frames that were read and not yet handled, at most some 8 MB."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._ended = False
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()

    async def put(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._bytes += len(frame)
        self._filled.set()
        while self._bytes > WAITING_BYTES:
            self._drained.clear()
            await self._drained.wait()

    def end(self) -> None:
        self._ended = True
        self._filled.set()

    async def gather(self) -> None:
        """Wait a moment for frames, unless there are enough for a batch or no more to come."""
        if len(self._frames) < BATCH_FRAMES and not self._ended:
            await asyncio.sleep(GATHER_SECONDS)

    async def take(self) -> list[bytes]:
        """Give what waits, in order; nothing more comes after an empty list."""
        while not self._frames and not self._ended:
            self._filled.clear()
            await self._filled.wait()
        frames: list[bytes] = []
        while self._frames and len(frames) < BATCH_FRAMES:
            frame = self._frames.popleft()
            self._bytes -= len(frame)
            frames.append(frame)
            if frame.startswith(_ERROR_START):
                break
        self._drained.set()
        return frames


def _error_name(frame: bytes) -> str | None:
    """Give the name in an error frame; None for any other frame."""
    if not frame.startswith(_ERROR_START):
        return None
    try:
        decoded = decode_frame(frame)
    except InvalidFrame:
        return None
    return str(decoded.body.get("error", ""))[:100] if decoded.op == ERROR else None

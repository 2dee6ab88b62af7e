"""Waiting in tests: as long as a busy machine may need, no longer than what is waited for takes."""

import asyncio
from collections.abc import Callable

PATIENCE_SECONDS = 60


async def until(true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something to become true. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)

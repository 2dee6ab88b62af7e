"""An HTTP client whose answers a test writes down beforehand, by URL."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True)
class Answer:
    body: bytes
    status: int = 200


class FakeHttp:
    """Answer as told, note every request; what has no answer is unreachable."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        self.pause = asyncio.Event()
        self.pause.set()

    def put(self, url: str, value: Any, status: int = 200) -> None:
        """Write an answer down: bytes as they are, anything else as JSON."""
        body = value if isinstance(value, bytes) else orjson.dumps(value)
        self.answers[url] = Answer(body, status)

    async def request(
        self,
        method: str,
        url: str,
        *,
        path: str = "",
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int = 0,
        timeout: float = 0.0,  # noqa: ASYNC109
    ) -> Answer:
        query = "&".join(f"{name}={text}" for name, text in params)
        target = f"{url}{path}{'?' if query else ''}{query}"
        self.requests.append(target)
        await self.pause.wait()
        if target not in self.answers:
            raise OSError("nobody there")
        return self.answers[target]

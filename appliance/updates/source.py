"""Where a channel is read from: a folder of this computer, or a web server."""

import asyncio
import shutil
from pathlib import Path
from typing import Final

from appliance.base.http import HttpClient, OutboundFailed, OutboundRefused
from appliance.updates.channel import BadChannel

SECONDS_TO_READ: Final = 30.0
IDLE_SECONDS: Final = 60.0
# Of a whole archive: who sends it by drops would keep the next look from beginning for ever.
SECONDS_TO_FETCH: Final = 4 * 3600.0
REDIRECTS: Final = 3
CHUNK: Final = 1 << 18


class Source:
    """A channel's files by name."""

    def __init__(self, place: str, http: HttpClient) -> None:
        self._place = place.rstrip("/")
        self._http = http

    @property
    def _folder(self) -> Path | None:
        return Path(self._place) if self._place.startswith("/") else None

    async def read(self, name: str, most: int) -> bytes:
        """Read a small file whole. Raises BadChannel."""
        if self._folder:
            return self._read_file(self._folder / name, most)
        try:
            answer = await self._http.request(
                "GET", f"{self._place}/{name}", max_bytes=most, timeout=SECONDS_TO_READ
            )
        except (OutboundFailed, OutboundRefused) as problem:
            raise BadChannel(f"{self._place} cannot be read: {problem}") from problem
        if answer.status != 200:
            raise BadChannel(f"{self._place}/{name} answers with status {answer.status}")
        return answer.body

    @staticmethod
    def _read_file(path: Path, most: int) -> bytes:
        try:
            with path.open("rb") as file:
                content = file.read(most + 1)
        except OSError as problem:
            raise BadChannel(f"{path} cannot be read: {problem.strerror}") from problem
        if len(content) > most:
            raise BadChannel(f"{path} is larger than {most} bytes")
        return content

    async def fetch(self, name: str, size: int, target: Path) -> None:
        """Copy a large file, never more than was signed for; what it holds is not proven here.

        Raises BadChannel, OSError.
        """
        part = target.with_name(f".{target.name}.part")
        if self._folder:
            source = self._folder / name
            if not source.is_file():
                raise BadChannel(f"{source} is not there")
            if source.stat().st_size > size:
                raise BadChannel(f"{name} is larger than what was signed")
            shutil.copyfile(source, part)
        else:
            await self._download(name, size, part)
        part.replace(target)

    async def _download(self, name: str, size: int, part: Path) -> None:
        left = size
        try:
            async with (
                asyncio.timeout(SECONDS_TO_FETCH),
                self._http.stream(
                    "GET", f"{self._place}/{name}", idle=IDLE_SECONDS, redirects=REDIRECTS
                ) as answer,
            ):
                if answer.status != 200:
                    raise BadChannel(f"{self._place}/{name} answers with status {answer.status}")
                with part.open("wb") as file:
                    async for chunk in answer.content.iter_chunked(CHUNK):
                        left -= len(chunk)
                        if left < 0:
                            raise BadChannel(f"{name} is larger than what was signed")
                        file.write(chunk)
        except (OutboundFailed, OutboundRefused, TimeoutError) as problem:
            reason = str(problem) or "it came too slowly"
            raise BadChannel(f"{name} cannot be fetched: {reason}") from problem

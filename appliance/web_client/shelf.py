"""What is served at the moment: an edition, and the headers of its pages."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from appliance.web_client import policy
from appliance.web_client.addresses import Own, Replacement
from appliance.web_client.edition import Edition, NoExport

log = logging.getLogger(__name__)


class Shelf:
    """Holds the edition of an export; none while there is no export."""

    def __init__(self, folder: Path, cache: Path, *, pictures: str, outside: bool) -> None:
        self._folder = folder
        self._cache = cache
        self._pictures = pictures
        self._outside = outside
        self.edition: Edition | None = None
        self.headers: Mapping[str, str] = policy.ALWAYS

    async def fill(self, own: Own) -> None:
        """Serve an edition with these addresses; a folder that cannot be read stops nothing."""
        try:
            replacement = Replacement(own)
            edition = await asyncio.to_thread(Edition.open, self._folder, self._cache, replacement)
            page = await asyncio.to_thread(edition.front.path.read_bytes)
        except (NoExport, OSError) as problem:
            log.warning("no web client: %s", problem)
            return
        ours = (own.client, own.pds, self._pictures)
        self.headers = policy.headers(page, ours, outside=self._outside)
        self.edition = edition
        await asyncio.to_thread(edition.forget_others)

"""Certificates that the owner brings: files that are read anew when they change."""

import asyncio
import logging
from pathlib import Path
from typing import Final

from appliance.https.shelf import Shelf, read
from appliance.settings_groups_https import HttpsSettings

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS: Final = 30.0


class OwnFiles:
    """Shows what stands in the owner's files, for all names that it is for."""

    def __init__(self, settings: HttpsSettings, shelf: Shelf) -> None:
        self._chain = Path(settings.certificate)
        self._key = Path(settings.key or settings.certificate)
        self._shelf = shelf
        self._seen: tuple[float, ...] = ()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    def look(self) -> bool:
        """Read the files if they changed; tell whether they were taken.

        Half-written ones are read again at the next look, and what was there is shown until then.
        """
        try:
            changed = tuple(path.stat().st_mtime for path in (self._chain, self._key))
            if changed == self._seen:
                return False
            found = read(self._chain, self._key)
        except (OSError, ValueError) as problem:
            log.warning("certificate files cannot be used: %s", problem)
            return False
        self._seen = changed
        for name in found.names:
            self._shelf.show(name.lower(), found)
        log.info("certificate files are used names=%s", ", ".join(found.names))
        return True

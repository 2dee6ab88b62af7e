"""What the service does about new releases: look, make sure, fetch, and hand over to root."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import Final

from appliance.base.http import HttpClient
from appliance.settings import Settings
from appliance.updates.archives import BadArchive, prove
from appliance.updates.channel import (
    FILE,
    MOST_BYTES,
    MOST_SIGNATURE_BYTES,
    SIGNATURE,
    BadChannel,
    Channel,
    Release,
    read_channel,
)
from appliance.updates.installation import FOLDER, WANTED, Installation
from appliance.updates.signatures import NotSigned
from appliance.updates.source import Source
from appliance.upkeep.checkup import check_clock, check_data_folder, check_databases
from appliance.upkeep.update_journal import Known
from appliance.version import VERSION

# A release in its folder, and some room to breathe.
ROOM: Final = 600 * 1024**2

# What is being done, and how far it is, from 0 to 1.
Progress = Callable[[str, float], None]


class NotReady(Exception):
    """This machine cannot change its release now; the message says what is in the way."""


class Desk:
    """Looks at a channel, and brings a release from it to where root takes it."""

    def __init__(
        self,
        settings: Settings,
        http: HttpClient,
        installation: Installation,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._data = settings.paths.data
        self._source = Source(settings.update.channel, http)
        self._installation = installation
        self._now = now

    async def look(self) -> Release | None:
        """Read the channel and note what is new. Raises BadChannel, NotSigned."""
        try:
            channel, _, _ = await self._channel()
            found = channel.newest_after(VERSION)
        except (BadChannel, NotSigned) as problem:
            Known.read(self._data).note(self._data, failure=str(problem), checked_at=self._now())
            raise
        Known.read(self._data).note(
            self._data,
            made=channel.made,
            checked_at=self._now(),
            read_at=self._now(),
            failure="",
            version=found.version if found else "",
            date=found.date if found else "",
            changes=found.changes if found else "",
        )
        return found

    async def bring(self, release: Release, progress: Progress) -> None:
        """Fetch a release, prove it, and ask root to install it.

        Raises BadChannel, NotSigned, BadArchive, NotReady, OSError.
        """
        known = Known.read(self._data).note(
            self._data, tried=release.version, tried_at=self._now(), tried_failure=""
        )
        try:
            await self._bring(release, progress)
        except (BadChannel, NotSigned, BadArchive, NotReady, OSError) as problem:
            known.note(self._data, tried_failure=str(problem))
            raise

    async def _bring(self, release: Release, progress: Progress) -> None:
        channel, content, signature = await self._channel()
        archive = channel.release(release.version).archive_for(os.uname().machine)
        self.make_sure(release, archive.size)
        folder = self._data / FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        progress("fetching", 0.0)
        await self._source.fetch(archive.name, archive.size, folder / archive.name)
        progress("verifying", 0.9)
        prove(folder / archive.name, archive)
        (folder / FILE).write_bytes(content)
        (folder / SIGNATURE).write_text(signature, "utf-8")
        aside = folder / f".{WANTED}"
        aside.write_text(json.dumps({"version": release.version}), "utf-8")
        aside.replace(folder / WANTED)

    def make_sure(self, release: Release, size: int) -> None:
        """Look at what a change of release needs. Raises NotReady."""
        if not self._installation.is_there:
            raise NotReady("this is no installation that can change itself: use git, or install.sh")
        if sys.version_info < tuple(map(int, release.python.split("."))):
            here = ".".join(map(str, sys.version_info[:2]))
            raise NotReady(f"it needs Python {release.python}, and this computer has {here}")
        databases = sum(path.stat().st_size for path in self._data.glob("*.sqlite*"))
        for place, wanted in (
            (self._data, size + databases + ROOM),
            (self._installation.root, ROOM),
        ):
            free = shutil.disk_usage(place).free
            if free < wanted:
                raise NotReady(f"{place} has {free >> 20} MB left, and {wanted >> 20} are needed")
        checks = (
            check_data_folder(self._data),
            check_clock(self._now()),
            check_databases(self._data),
        )
        for finding in (each for check in checks for each in check):
            if finding.level == "bad":
                raise NotReady(f"{finding.subject}: {finding.seen}; {finding.remedy}")

    async def _channel(self) -> tuple[Channel, bytes, str]:
        """Read and prove the channel; give it with the bytes and the signature that prove it."""
        if not self._settings.update.channel:
            raise BadChannel("no channel is set: update.channel names a folder or a URL")
        content = await self._source.read(FILE, MOST_BYTES)
        raw = await self._source.read(SIGNATURE, MOST_SIGNATURE_BYTES)
        signature = raw.decode("utf-8", "replace")
        channel = read_channel(
            content,
            signature,
            self._installation.trusted(),
            now=self._now(),
            not_before=Known.read(self._data).made,
        )
        return channel, content, signature

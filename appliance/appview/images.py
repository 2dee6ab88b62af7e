"""Pictures of records, made from blobs: checked, shrunk, without metadata, kept on the disk.

Only a blob that a visible record refers to is served. It comes from its account's PDS and must
have the hash it is named by.
"""

import asyncio
import contextlib
import logging
import os
import re
import secrets
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.appview.actors import ActorStore
from appliance.appview.image_pool import ImagePool, Picture
from appliance.appview.repo_hosts import RepoHosts
from appliance.appview.takedowns import blob_name
from appliance.atproto.cid import Cid, InvalidCid
from appliance.atproto.syntax import AtUri, Did, InvalidSyntax
from appliance.base.database import Database
from appliance.base.http import OutboundFailed

log = logging.getLogger(__name__)

# Of a blob that very many records of an account name, so many are looked at.
MOST_REFERENCES = 100
MOST_SOURCE_BYTES = 10_000_000
LONGEST_FETCH_SECONDS = 30.0
CACHE_BYTES = 1_000_000_000
TRIM_TO = 0.9
REST_EVERY_SECONDS = 60.0
RESTS_PER_TRIM = 10

# The types a picture can have, by the suffix of its file in the cache.
_TYPES: Final = {"jpeg": "image/jpeg", "webp": "image/webp", "png": "image/png"}
_PATH = re.compile(
    r"/img/(?P<preset>[a-z_]{1,32})/plain/(?P<did>[^/@]+)/(?P<cid>b[a-z2-7]{20,120})"
    r"(?:@(?P<format>[a-z]{1,8}))?"
)


class NoSuchImage(LookupError):
    """There is no such picture, or none that may be shown; the message says why."""


class InvalidImagePath(ValueError):
    """The address of a picture is malformed; the message says where."""


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """Which picture, in which shape."""

    preset: str
    did: Did
    cid: Cid
    format: str


# "cover" fills the box, "inside" fits into it; neither enlarges.
PRESETS: Final[dict[str, dict[str, Any]]] = {
    "avatar": {"width": 1000, "height": 1000, "fit": "cover", "quality": 82},
    "avatar_thumbnail": {"width": 128, "height": 128, "fit": "cover", "quality": 82},
    "banner": {"width": 1500, "height": 500, "fit": "cover", "quality": 82},
    "feed_thumbnail": {"width": 1000, "height": 1000, "fit": "inside", "quality": 78},
    "feed_fullsize": {"width": 2000, "height": 2000, "fit": "inside", "quality": 85},
    "default": {"width": 2000, "height": 2000, "fit": "inside", "quality": 85},
    "download": {"width": 4000, "height": 4000, "fit": "inside", "quality": 92},
}


def parse_path(path: str) -> ImageRequest:
    """Read /img/<preset>/plain/<did>/<cid>[@<format>]. Raises InvalidImagePath."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise InvalidImagePath("expected /img/<preset>/plain/<did>/<cid>[@<format>]")
    if match["preset"] not in PRESETS:
        raise InvalidImagePath(f"unknown preset {match['preset']}")
    kind = "jpeg" if match["format"] == "jpg" else match["format"] or "auto"
    if kind != "auto" and kind not in _TYPES:
        raise InvalidImagePath("the format must be jpeg, webp or png")
    try:
        return ImageRequest(match["preset"], Did(match["did"]), Cid.parse(match["cid"]), kind)
    except (InvalidSyntax, InvalidCid) as error:
        raise InvalidImagePath(str(error)) from error


class BlobGate:
    """Says which blobs may be shown."""

    def __init__(self, db: Database, actors: ActorStore, taken_down: Set[str]) -> None:
        self._db = db
        self._actors = actors
        self._taken_down = taken_down

    def may_show(self, did: Did, cid: Cid) -> bool:
        """Tell whether a record that can be seen refers to a blob of this account."""
        if not self._actors.is_active(did) or not self._taken_down.isdisjoint(
            (did, blob_name(did, str(cid)))
        ):
            return False
        rows = self._db.read(
            "SELECT nsid, rkey FROM actor CROSS JOIN blob_ref ON actor_id = actor.id"
            " CROSS JOIN collection ON collection.id = collection_id"
            " WHERE did = ? AND blob_ref.cid = ? LIMIT ?",
            did,
            str(cid),
            MOST_REFERENCES,
        )
        return any(AtUri.make(did, nsid, rkey) not in self._taken_down for nsid, rkey in rows)


class Images:
    """Makes pictures and keeps them under `folder`, the least recently used going first."""

    def __init__(self, folder: Path, gate: BlobGate, hosts: RepoHosts, pool: ImagePool) -> None:
        self._folder = folder
        self._gate = gate
        self._hosts = hosts
        self._pool = pool
        self._making: dict[Path, asyncio.Lock] = {}

    async def picture(self, wanted: ImageRequest) -> Picture:
        """Return a picture.

        Raises NoSuchImage, UndecodableImage, NoMemory, and what fetching raises.
        """
        if not self._gate.may_show(wanted.did, wanted.cid):
            raise NoSuchImage("no visible record refers to this blob")
        stem = self._folder / str(wanted.cid)[-2:] / f"{wanted.cid}-{wanted.preset}"
        stem = stem.with_name(f"{stem.name}-{wanted.format}")
        lock = self._making.setdefault(stem, asyncio.Lock())
        try:
            async with lock:
                kept = await asyncio.to_thread(_read, stem)
                if kept is not None:
                    return kept
                self._pool.require()
                source = await self._source(wanted.did, wanted.cid)
                job = {**PRESETS[wanted.preset], "format": wanted.format}
                made = await self._pool.render(source, job)
                await asyncio.to_thread(_keep, stem, made)
                return made
        finally:
            if not lock.locked():
                self._making.pop(stem, None)

    async def slim(self) -> None:
        """Let decoders go that have nothing to do."""
        await self._pool.slim()

    async def trim(self) -> None:
        """Keep the cache below its cap, and idle decoders away, for ever. One worker runs it."""
        while True:
            await asyncio.to_thread(trim_folder, self._folder, CACHE_BYTES)
            for _ in range(RESTS_PER_TRIM):
                await asyncio.sleep(REST_EVERY_SECONDS)
                await self._pool.rest()

    async def _source(self, did: Did, cid: Cid) -> bytes:
        """Fetch a blob and check its hash."""
        document = await self._hosts.document(did)
        params = [("did", did), ("cid", str(cid))]
        body = bytearray()
        try:
            async with (
                asyncio.timeout(LONGEST_FETCH_SECONDS),
                self._hosts.get(document, "com.atproto.sync.getBlob", params) as response,
            ):
                async for chunk in response.content.iter_chunked(1 << 16):
                    body += chunk
                    if len(body) > MOST_SOURCE_BYTES:
                        raise NoSuchImage("the blob is too large for a picture")
        except TimeoutError as error:
            raise OutboundFailed(f"no blob within {LONGEST_FETCH_SECONDS} s") from error
        data = bytes(body)
        if Cid.for_blob(data) != cid:
            raise NoSuchImage("the account's PDS gave another blob")
        return data


def trim_folder(folder: Path, cap: int) -> int:
    """Delete the files read longest ago until the rest is below the cap; return bytes freed."""
    found = []
    for path in folder.glob("*/*"):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            found.append((stat.st_mtime_ns, stat.st_size, path))
    total = sum(size for _, size, _ in found)
    freed = 0
    if total > cap:
        for _, size, path in sorted(found):
            if total - freed <= cap * TRIM_TO:
                break
            path.unlink(missing_ok=True)
            freed += size
    return freed


def _read(stem: Path) -> Picture | None:
    """Read a kept picture and note that it was wanted."""
    for suffix, mime_type in _TYPES.items():
        path = stem.with_name(f"{stem.name}.{suffix}")
        with contextlib.suppress(FileNotFoundError):
            picture = Picture(mime_type, path.read_bytes())
            os.utime(path)
            return picture
    return None


def _keep(stem: Path, picture: Picture) -> None:
    """Store a picture whole or not at all: on a full disk it is made anew each time."""
    suffix = picture.mime_type.removeprefix("image/")
    aside = stem.with_name(f".{stem.name}.{secrets.token_hex(4)}")
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(picture.body)
        aside.replace(stem.with_name(f"{stem.name}.{suffix}"))
    except OSError as problem:
        log.warning("picture not kept reason=%s", problem)
        with contextlib.suppress(OSError):
            aside.unlink()

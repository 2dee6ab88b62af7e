"""What a channel says: which releases there are, by one signed file.

A channel is a folder, here or on a web server: `channel.json`, its signature beside it, and the
archives it names with size and hash. `made` never goes back and `until` ends its word, so that an
old file shown again is noticed.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from appliance.updates.signatures import TrustedKeys

FILE: Final = "channel.json"
SIGNATURE: Final = "channel.json.minisig"
FORM: Final = 1
MOST_BYTES: Final = 512_000
MOST_SIGNATURE_BYTES: Final = 4_000
MOST_ARCHIVE_BYTES: Final = 1 << 30
MOST_RELEASES: Final = 200
LONGEST_CHANGES: Final = 20_000
ANY_MACHINE: Final = "any"

_VERSION: Final = re.compile(r"\d{1,4}(\.\d{1,4}){2}")
_NAME: Final = re.compile(r"[a-z0-9][A-Za-z0-9._-]{0,99}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


class BadChannel(Exception):
    """A channel cannot be read, or its word no longer counts; the message says why."""


@dataclass(frozen=True)
class Archive:
    """A file with a release, for one kind of processor or for any."""

    machine: str
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Release:
    """A release as it is published. `python` is the oldest it runs on, as "3.11"."""

    version: str
    date: str
    python: str
    changes: str
    archives: tuple[Archive, ...]

    def archive_for(self, machine: str) -> Archive:
        """Choose what suits a processor. Raises BadChannel."""
        for wanted in (machine, ANY_MACHINE):
            for archive in self.archives:
                if archive.machine == wanted:
                    return archive
        raise BadChannel(f"release {self.version} is not made for {machine}")


@dataclass(frozen=True)
class Channel:
    """A channel as it was signed. Times are seconds since 1970."""

    made: float
    until: float
    releases: tuple[Release, ...]

    def newest_after(self, version: str) -> Release | None:
        """Find the newest release that is newer than this one."""
        newer = (one for one in self.releases if in_order(one.version) > in_order(version))
        return max(newer, key=lambda one: in_order(one.version), default=None)

    def release(self, version: str) -> Release:
        """Find a release by its version. Raises BadChannel."""
        for one in self.releases:
            if one.version == version:
                return one
        raise BadChannel(f"the channel has no release {version}")


def in_order(version: str) -> tuple[int, ...]:
    """Turn a version into what can be compared. Raises BadChannel."""
    if not _VERSION.fullmatch(version):
        raise BadChannel(f"{version!r} is no version")
    return tuple(map(int, version.split(".")))


def read_channel(
    content: bytes, signature: str, keys: TrustedKeys, *, now: float, not_before: float
) -> Channel:
    """Prove and read a channel's file. `not_before` is when the last one seen was made.

    Raises NotSigned, BadChannel.
    """
    keys.check(content, signature)
    try:
        channel = _channel(json.loads(content))
    except (KeyError, TypeError, ValueError) as problem:
        raise BadChannel(f"the channel is signed, but not understood: {problem!r}") from problem
    if channel.made < not_before:
        raise BadChannel("the channel is older than what it said before: somebody shows an old one")
    if channel.until < now:
        day = datetime.fromtimestamp(channel.until, UTC).date()
        raise BadChannel(f"the channel's word ended on {day}: nobody has signed it since")
    return channel


def _channel(told: Any) -> Channel:
    if told["hearth"] != FORM:
        raise BadChannel("the channel is of a form that this release does not know")
    releases = tuple(_release(each) for each in told["releases"][:MOST_RELEASES])
    return Channel(_time(told["made"]), _time(told["until"]), releases)


def _release(told: Any) -> Release:
    in_order(told["version"])
    python = str(told["python"])
    tuple(map(int, python.split(".")))
    archives = tuple(_archive(each) for each in told["archives"])
    changes = str(told["changes"])[:LONGEST_CHANGES]
    return Release(told["version"], str(told["date"])[:10], python, changes, archives)


def _archive(told: Any) -> Archive:
    found = Archive(str(told["machine"]), told["name"], told["size"], told["sha256"])
    if not _NAME.fullmatch(found.name):
        raise ValueError(f"{found.name!r} is no name of an archive")
    if not (type(found.size) is int and 0 < found.size <= MOST_ARCHIVE_BYTES):
        raise ValueError("the size of an archive")
    if not _HASH.fullmatch(found.sha256):
        raise ValueError("the hash of an archive")
    return found


def _time(text: str) -> float:
    """Read a time as "2026-11-21T09:00:00Z"."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()

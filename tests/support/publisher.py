"""Somebody who publishes releases: a key, and a channel in a folder."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.updates.archives import describe, make_archive
from appliance.updates.channel import FILE, SIGNATURE
from appliance.updates.installation import Installation
from appliance.updates.signatures import PublisherKey

NOW = 1_800_000_000.0
DAY = 86_400.0


def stamp(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Publisher:
    """Puts tiny releases into `folder`; what each says of itself can be changed."""

    def __init__(self, around: Path, key: PublisherKey | None = None) -> None:
        self.key = key or PublisherKey.generate()
        self.folder = around / "channel"
        self.folder.mkdir(exist_ok=True)
        self._files = around / "files"
        self._files.mkdir(exist_ok=True)
        self.releases: list[dict[str, Any]] = []

    def add(self, version: str, *, inside: str = "", **changed: Any) -> Path:
        """Publish a release; `inside` is the version its files name, if another."""
        named = self._files / version
        named.write_text(f'VERSION = "{inside or version}"\n')
        archive = self.folder / f"hearth-{version}.tar.gz"
        make_archive({"appliance/version.py": named}, archive, int(NOW))
        about = describe(archive, "any")
        release = {
            "version": version,
            "date": "2027-01-15",
            "python": "3.11",
            "changes": f"What is new in {version}.",
            "archives": [
                {"machine": "any", "name": about.name, "size": about.size, "sha256": about.sha256}
            ],
        }
        self.releases.append({**release, **changed})
        self.sign()
        return archive

    def sign(self, made: float = NOW, until: float = NOW + 90 * DAY, **changed: Any) -> None:
        """Write the channel's file anew, and its signature."""
        told = {
            "hearth": 1,
            "made": stamp(made),
            "until": stamp(until),
            "releases": self.releases,
            **changed,
        }
        content = json.dumps(told).encode()
        (self.folder / FILE).write_bytes(content)
        (self.folder / SIGNATURE).write_text(self.key.sign(content, "hearth channel"))

    def trusting(self, around: Path) -> Installation:
        """Make a machine that trusts this key."""
        root = around / "opt"
        (root / "current").mkdir(parents=True, exist_ok=True)
        keys = around / "release.pub"
        keys.write_text(self.key.public_text)
        return Installation(root, keys)

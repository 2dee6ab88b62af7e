"""Make a small backup of today's format, for later versions to restore.

python -m tests.support.make_backup_sample tests/backup/samples/format-N.tar.xz
"""

import asyncio
import sys
import tarfile
import tempfile
from pathlib import Path

import aiohttp

from appliance.backup.take import take
from appliance.settings import load
from appliance.settings_groups import Paths
from appliance.upkeep.backup_key import KEY_FILE
from tests.support.appliance import Appliance
from tests.support.client import join

KEY = "22222-33333-44444-55555-66666"
PASSWORD = "a long enough password"
PICTURE = b"\x89PNG\r\n\x1a\n" + b"not much of a picture"


def main(target: Path) -> None:
    """Run a network, have somebody write, back it up."""
    with tempfile.TemporaryDirectory() as folder:
        data, place = Path(folder) / "data", Path(folder) / "place"
        ours = Appliance(data=data)
        asyncio.run(_live(ours))
        ours.finish()
        key = Paths(data).secret(KEY_FILE)
        key.write_text(KEY)
        key.chmod(0o600)
        settings = load(data, {}).with_values({"backup.target": str(place)})
        take(settings, lambda *_: None)
        with tarfile.open(target, "w:xz") as archive:
            archive.add(place, "place", filter=_nobodys)


async def _live(ours: Appliance) -> None:
    async with aiohttp.ClientSession() as http:
        ann = await join(http, ours.pds, "ann", password=PASSWORD, handle="ann.test")
        blob = await ann.upload(PICTURE, "image/png")
        image = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": blob}]}
        await ann.write_post("kept since then", embed=image)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main(Path(sys.argv[1]))

#!/usr/bin/env python3
"""Describe an image for Raspberry Pi Imager's list of systems: imager.py IMAGE VERSION.

The address is a name beside the list: put both on one web server, and give Imager the list's.
"""

import hashlib
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

# By the names that Imager has for them. The 5 waits for a Debian kernel that knows its network.
PIS = ["pi3-64bit", "pi4-64bit"]


def sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    image = Path(sys.argv[1])
    packed = image.with_name(image.name + ".xz")
    made = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    system = {
        "name": f"Hearth {sys.argv[2]}",
        "description": "A social network of your own, on the AT Protocol",
        "icon": "",
        "url": packed.name,
        "extract_size": image.stat().st_size,
        "extract_sha256": sum_of(image),
        "image_download_size": packed.stat().st_size,
        "image_download_sha256": sum_of(packed),
        "release_date": made.strftime("%Y-%m-%d"),
        "init_format": "cloudinit",
        "devices": PIS if image.stem.endswith("arm64") else [],
    }
    json.dump({"os_list": [system]}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()

"""What was told of this network's public address, and whether it was heard.

A file of the data folder, written by who tells it, read by the doctor.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from appliance.upkeep.checkup import Finding

NAME: Final = "address.json"
CAUSE: Final = "address-untold"


@dataclass(frozen=True)
class AddressJournal:
    """The addresses told last and when, in seconds since 1970; why the last try failed."""

    ip: str = ""
    ip6: str = ""
    told_at: float = 0.0
    failure: str = ""

    @classmethod
    def read(cls, data: Path) -> Self:
        """Read it; one that is missing or damaged says nothing."""
        try:
            return cls(**json.loads((data / NAME).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, data: Path) -> None:
        """Keep it, whole or not at all."""
        aside = data / f".{NAME}.{os.getpid()}"
        aside.write_text(json.dumps(asdict(self)), "utf-8")
        aside.replace(data / NAME)


def check_address(data: Path, *, follow: str) -> Iterator[Finding]:
    """Look whether the DNS was told; nothing where nobody is."""
    known = AddressJournal.read(data)
    if follow == "off" or not (known.failure or known.told_at):
        return
    if known.failure:
        yield Finding(
            "Public address",
            "bad",
            f"the DNS could not be told where this network is: {known.failure}",
            "an answer that it was understood; it is tried again every few minutes",
            "see secrets/dynamic-dns-url, or https.dns_server with its zone and key",
            CAUSE,
        )
    else:
        told = " and ".join(filter(None, (known.ip, known.ip6))) or "as the service sees it"
        yield Finding("Public address", "good", f"told to the DNS: {told}")

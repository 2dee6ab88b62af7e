"""A house that is to be killed amid a head start: run as a program.

    python -m tests.support.killed_head_start DATA PORT LISTENERS

The stream of other houses stands still. When some records have come early, and the next are being
written, it says so and waits for its end. LISTENERS: the sockets that are inherited, by name, as
JSON; PORT is that of the neighbours.
"""

import asyncio
import itertools
import os
import socket
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from appliance.appview import head_starts
from appliance.appview.indexer import Indexer
from appliance.neighbours import company
from tests.support.houses_apart import Corner, Slow
from tests.support.whole_house import Place

AMID = 3  # so many writes are on the disk


async def live(corner: Corner) -> None:
    async with corner.opened():
        await asyncio.Event().wait()


def main(data: Path, port: int, held: dict[str, list[int]]) -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(company, "FAR_BEHIND", 3)
    patch.setattr(head_starts, "RECORDS_PER_WRITE", 10)
    Slow(patch).hold()
    put, numbers = Indexer.put_early, itertools.count()

    def cut_off(self: Indexer, *given: Any) -> int | None:
        done = put(self, *given)
        if next(numbers) == AMID:
            sys.stdout.write("amid\n")
            sys.stdout.flush()
            sys.stdin.read()
            os._exit(1)
        return done

    patch.setattr(Indexer, "put_early", cut_off)
    listeners = {name: [socket.socket(fileno=one) for one in fds] for name, fds in held.items()}
    ports = {name: bound[0].getsockname()[1] for name, bound in listeners.items()}
    asyncio.run(live(Corner(Place(ports, listeners), data, port)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), orjson.loads(sys.argv[3]))

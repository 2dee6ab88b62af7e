"""Ports for servers of tests, which stay free while a server is away.

Each process of tests has a range of its own, and all are below those from which the system takes
the near end of outgoing connections.
"""

import errno
import os
import random
import socket
from collections.abc import Iterator
from contextlib import closing
from functools import cache

from appliance.listeners import NEVER_FETCHED

# As many as a whole network takes.
AT_ONCE = 10
FIRST, LAST = 10_000, 20_000
WORKERS = 8
# What a machine without IPv6 says.
NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


@cache
def _numbers() -> Iterator[int]:
    """Give every tenth number of the range of this process, for ever, from anywhere in it."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    width = (LAST - FIRST) // WORKERS // AT_ONCE
    first = FIRST + worker * width * AT_ONCE

    def numbers() -> Iterator[int]:
        step = random.randrange(width)  # noqa: S311
        while True:
            yield first + step % width * AT_ONCE
            step += 1

    return numbers()


def _is_free(port: int) -> bool:
    if port in NEVER_FETCHED:
        return False
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with closing(socket.socket(family)) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except OSError as error:
            if error.errno not in NO_SUCH_ADDRESS:
                return False
    return True


def free_port() -> int:
    """Give a port that nobody uses, as none of the nine after it."""
    for port in _numbers():
        if all(_is_free(port + offset) for offset in range(AT_ONCE)):
            return port
    raise AssertionError("there is always a next number")

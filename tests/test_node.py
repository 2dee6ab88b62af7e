"""What all roles have in common: the sockets on which they meet."""

import socket
from contextlib import ExitStack
from pathlib import Path

from tests.support.whole_house import opened, place

AT_ONCE = 400


async def test_hundreds_may_call_a_role_at_the_same_moment(tmp_path: Path) -> None:
    with place() as where, ExitStack() as callers:
        async with opened(where, tmp_path) as house:
            for _ in range(AT_ONCE):
                caller = callers.enter_context(socket.socket(socket.AF_UNIX))
                caller.setblocking(False)
                # Nobody is let in meanwhile, as this is the loop that would; a full line raises.
                caller.connect(str(house.settings.paths.socket("appview")))

"""For the timers of systemd, which do what is due where the running network does not."""

import socket
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

from appliance.settings import Settings

# The network looks every five seconds.
PATIENCE: Final = 60.0
SECONDS_BETWEEN_LOOKS: Final = 1.0
SECONDS_TO_ANSWER: Final = 5.0


def is_taken_up(settings: Settings, begun: Callable[[], bool], patience: float = PATIENCE) -> bool:
    """Give a network that runs the time to begin by itself; tell whether it has.

    One that does not run, or ends meanwhile, is not waited for.
    """
    until = time.monotonic() + patience
    while not begun():
        if time.monotonic() > until or not _runs(settings):
            return begun()
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return True


def _runs(settings: Settings) -> bool:
    """Tell whether somebody listens where the work that is done once for all is done."""
    main = settings.paths.socket("pds" if settings.pds.hostname else "admin")
    with closing(socket.socket(socket.AF_UNIX)) as line:
        line.settimeout(SECONDS_TO_ANSWER)
        try:
            line.connect(str(main))
        except OSError:
            return False
        return True

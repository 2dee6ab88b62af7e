"""Run the reference AppView with its PDS, directory and stores; say so in one line of JSON.

For `compare.py --peer "{python} bench/reference_appview.py"`. `pid` is the process of Node: what
PostgreSQL and redis do is not in its CPU time. Ends when standard input does, or on SIGTERM.
"""

import signal
import sys
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.reference_network import reference_network


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with reference_network() as network:
        said = {
            "pds_url": network.pds,
            "appview_url": network.report["appview"],
            "pid": network.popen.pid,
        }
        print(orjson.dumps(said).decode(), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

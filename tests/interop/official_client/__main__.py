"""The command: see the package."""

import argparse
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from playwright.sync_api import Error, Playwright

from tests.interop.official_client.house import House
from tests.interop.official_client.neighbour import Neighbour
from tests.interop.official_client.plan import PARTS
from tests.interop.official_client.report import PAGE, page
from tests.interop.official_client.scene import Scene
from tests.interop.official_client.visit import ADDRESS, open_visit
from tests.support.appliance import ROOT, Appliance, wait_until

# A loopback, an address as at home, and nothing beyond.
ISLAND = f"""
ip link set lo up
ip link add home0 type veth peer name home1
ip addr add {ADDRESS}/24 dev home0
ip link set home0 up
ip link set home1 up
exec "$@"
"""
OWN_NAME = "mod-authority"
PARTS_BY_NAME = {part.__name__.rpartition(".")[2]: part for part in PARTS}


def _is_settled(driver: Playwright, report: dict[str, Any]) -> bool:
    """Whether a network that is new has an account of its own, feeds, and a client that knows."""
    pds = driver.request.new_context(base_url=report["pds_url"])
    client = driver.request.new_context(base_url=report["client_url"])
    handle = f"{OWN_NAME}{report['handle_domain']}"
    found = pds.get("/xrpc/com.atproto.identity.resolveHandle", params={"handle": handle})
    if not found.ok:
        return False
    did = found.json()["did"]
    feed = f"at://{did}/app.bsky.feed.generator/everyone"
    shown = client.get("/xrpc/app.bsky.feed.getFeed", params={"feed": feed})
    scripts = re.findall(r'src="(static/[^"]+)"', client.get("/").text())
    return shown.ok and any(did in client.get(f"/{script}").text() for script in scripts)


def _on_an_island(arguments: list[str]) -> int:
    """Begin anew in a network namespace where nobody else is."""
    walk = [sys.executable, "-m", "tests.interop.official_client", "--island", *arguments]
    alone = ["unshare", "--map-root-user", "--net", "sh", "-ec", ISLAND]
    return subprocess.run([*alone, "sh", *walk], cwd=ROOT, check=False).returncode  # noqa: S603


def _walk(part: ModuleType, scene: Scene) -> None:
    """Go through a part as far as it goes; what it needed and did not find is noted."""
    try:
        part.walk(scene)
    except (AssertionError, Error):
        if not scene.visit.screens or not scene.visit.screens[-1].failure:
            raise


def main() -> int:
    """Walk through the client; return how many screens failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.official_client")
    parser.add_argument("export", type=Path, help="the folder of the client's static export")
    parser.add_argument("--shots", type=Path, help="keep a picture of every screen here")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    parser.add_argument("--parts", nargs="*", choices=PARTS_BY_NAME, help="these, not all")
    parser.add_argument("--island", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.island:
        return _on_an_island(sys.argv[1:])
    options = ("--client", str(args.export), "--handle-domain", ".smith.home")
    appliance = Appliance(*options, bare=False)
    report = appliance.report
    with open_visit(report["client_url"], args.shots) as (visit, driver):
        wait_until(lambda: _is_settled(driver, report), "the client knows the network's account")
        bob = Neighbour(driver, appliance.pds, "bob.smith.home")
        scene = Scene(
            visit, bob, House(driver, appliance.pds, appliance.operator_token), args.export
        )
        for name in args.parts or PARTS_BY_NAME:
            _walk(PARTS_BY_NAME[name], scene)
    complaints = appliance.complaints()
    appliance.finish()
    for screen in visit.screens:
        sys.stdout.write(f"{'FAILED' if screen.failure else 'ok':7}{screen.name}\n")
        if screen.failure:
            sys.stdout.write(f"       {screen.failure}\n")
            refused = [f"{call} {status}" for call, status in screen.calls if status >= 400]
            sys.stdout.write(f"       refused: {', '.join(refused)}\n")
    if args.write and not args.parts:
        PAGE.write_text(page(visit.screens), encoding="utf-8")
    sys.stdout.write("".join(f"{line}\n" for line in complaints))
    return sum(bool(screen.failure) for screen in visit.screens) + len(complaints)


if __name__ == "__main__":
    sys.exit(main())

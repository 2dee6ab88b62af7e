"""`hearth run`: the network in service, at home or behind the owner's web server.

With no settings it begins with the wizard of the panel; what is set there holds at once, since a
changed setting starts the roles anew within this process.
"""

import io
import logging
import os
import sys
from collections.abc import Mapping
from functools import partial

import segno

from appliance.base.logs import setup_logging
from appliance.base.machine import in_url, own_address
from appliance.base.secret_files import read_or_create
from appliance.listeners import HeldPorts, PortTaken, close_all
from appliance.node import AGAIN, BEHIND_THE_DOOR, Node, serve
from appliance.settings import Settings, load
from appliance.settings_aliases import SECRETS, UNUSED
from appliance.settings_file import save
from appliance.settings_groups import Paths
from appliance.upkeep.systemd import ServiceManager

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104


def run(paths: Paths, json_logs: bool) -> int:
    """Run until SIGTERM or SIGINT; return the exit status. Raises InvalidSettings."""
    setup_logging(as_json=json_logs)
    manager = ServiceManager(os.environ)
    ports = HeldPorts(manager)
    try:
        while (status := _run_once(paths, ports, manager)) == AGAIN:
            pass
    finally:
        ports.close()
    return status


def _run_once(paths: Paths, ports: HeldPorts, manager: ServiceManager) -> int:
    settings = load(paths.data, os.environ)
    take_over(settings.paths, os.environ)
    if not paths.settings_file.exists():
        save(settings)
    places = _places(settings)
    try:
        listeners = ports.take(places)
    except PortTaken as problem:
        sys.stderr.write(f"hearth: cannot listen: {problem}\n")
        return 1
    if not settings.pds.hostname:
        # All were bound to see that they can be; there is no network yet to wait for.
        close_all(listeners)
        listeners = ports.take({"admin": places["admin"]})
    return serve(
        settings, listeners, lambda node: _announce(settings, node), manager, restarts=True
    )


def _places(settings: Settings) -> dict[str, tuple[str, int]]:
    """Say where to listen: address and port, by name."""
    places = {
        "door": (settings.door.host, settings.door.port),
        "admin": (settings.admin.host, settings.admin.port),
    }
    for name in ("directory", *BEHIND_THE_DOOR):
        places[name] = (LOOPBACK, getattr(settings, name).port)
    # Not for a proxy to find but for members: at home, names are harder to come by than ports.
    places["client"] = (settings.door.host, settings.client.port if settings.client.folder else 0)
    return places


def take_over(paths: Paths, env: Mapping[str, str]) -> None:
    """Keep the secrets that come under the names of the reference PDS; ours, once made, stay."""
    for variable, name in SECRETS.items():
        if env.get(variable):
            read_or_create(paths.secret(name), partial(env.__getitem__, variable))
    for variable, reason in UNUSED.items():
        if env.get(variable):
            log.warning("%s has no effect: %s", variable, reason)


def _announce(settings: Settings, node: Node) -> None:
    """Print the link with which the owner claims a network that nobody has claimed."""
    if not settings.admin.port:
        return
    host = settings.admin.host
    near = own_address() if host in EVERYWHERE else host
    claim = node.roles["admin"].claim_url(f"http://{in_url(near)}:{settings.admin.port}")
    if claim:
        sys.stdout.write(f"Open this link to begin: {claim}\n{picture_of(claim)}")
        sys.stdout.flush()


def picture_of(link: str) -> str:
    """Draw a link as a QR code of characters, for the camera of a phone."""
    drawn = io.StringIO()
    segno.make(link, error="l", micro=False).terminal(drawn, compact=True)
    return drawn.getvalue()

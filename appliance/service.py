"""`hearth run`: the network in service, at home or behind the owner's web server.

With no settings it begins with the wizard of the panel; what is set there holds at once, since a
changed setting starts the roles anew within this process.
"""

import asyncio
import io
import logging
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from importlib import import_module
from socket import socket
from typing import Final

from appliance.admin.claim import Claim
from appliance.admin.owner import OwnerFile
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.base.logs import setup_logging
from appliance.base.machine import in_url, is_near, own_address
from appliance.base.secret_files import read_or_create
from appliance.base.throttle import Throttle
from appliance.listeners import HeldPorts, PortTaken, close_all
from appliance.node import AGAIN, Node, serve
from appliance.roles import ROLES, is_main, places_of, roles_of
from appliance.settings import EVERYWHERE, LOOPBACK, Settings, load
from appliance.settings_aliases import SECRETS, without_effect
from appliance.settings_file import save
from appliance.settings_groups import Paths
from appliance.upkeep.low_ports import LowPorts
from appliance.upkeep.settings_watch import SettingsWatch
from appliance.upkeep.systemd import ServiceManager, answers, silent_roles
from appliance.version import VERSION

log = logging.getLogger(__name__)

# A rented server is at nobody's home; by SSH, whoever may come in is on it.
FROM_FAR: Final = (
    "Open this link to begin: {claim}\n"
    "    on your own computer, while this runs there: ssh -L {port}:127.0.0.1:{port} root@{own}\n"
    "    (the panel answers this computer and those at home, not all the internet)\n"
)
# Names of settings that are not "NAME.port".
SETTINGS: Final = {"http": "https.plain_port"}
# What is done without, in turn, where ports cannot be opened.
OF_HTTPS: Final = ((), ("http",), ("https",))


def run(paths: Paths, json_logs: bool, here: Collection[str] = ()) -> int:
    """Run until SIGTERM or SIGINT; return the exit status. Raises InvalidSettings.

    `here` names the roles of this process, where there are several; none for all.
    """
    setup_logging(as_json=json_logs)
    manager = ServiceManager(os.environ)
    ports = HeldPorts(manager)
    paths.trial_mark.unlink(missing_ok=True)
    try:
        while (status := _run_once(paths, ports, manager, here)) == AGAIN:
            pass
    finally:
        ports.close()
    return status


def _run_once(
    paths: Paths, ports: HeldPorts, manager: ServiceManager, here: Collection[str]
) -> int:
    watch = SettingsWatch(paths.settings_file) if here else None
    settings = load(paths.data, os.environ)
    take_over(settings.paths, os.environ)
    if not paths.settings_file.exists():
        save(settings)
    places = places_of(settings, here)
    try:
        listeners = _take(ports, places)
    except PortTaken as problem:
        _ask_for_low_ports(settings, {}, manager, here)
        setting = SETTINGS.get(problem.name, f"{problem.name}.port")
        sys.stderr.write(f"hearth: cannot listen: {problem}; the setting is {setting}\n")
        return 1
    _ask_for_low_ports(settings, listeners, manager, here)
    if not settings.pds.hostname:
        # All were bound to see that they can be; there is no network yet to wait for.
        close_all(listeners)
        listeners = ports.take({name: places[name] for name in ("admin", "door") if name in places})
    return serve(
        settings,
        listeners,
        lambda node: _announce(settings, node),
        manager,
        restarts=True,
        here=here,
        watch=watch,
    )


def _take(ports: HeldPorts, places: Mapping[str, tuple[str, int]]) -> dict[str, list[socket]]:
    """Take the ports; without those of HTTPS where they cannot be had, so that the panel says so.

    Raises PortTaken.
    """
    for left_out in OF_HTTPS if "https" in places else ():
        try:
            return ports.take({name: at for name, at in places.items() if name not in left_out})
        except PortTaken as taken:
            log.warning("cannot listen: %s", taken)
    return ports.take({name: at for name, at in places.items() if name not in ("https", "http")})


def _ask_for_low_ports(
    settings: Settings,
    listeners: Mapping[str, Sequence[socket]],
    manager: ServiceManager,
    here: Collection[str],
) -> None:
    """Have root's part open 80 and 443 where they are wanted, and close what it opened before."""
    held = [each.getsockname()[1] for group in listeners.values() for each in group]
    wanted = [port for _, port in settings.places.values()]
    if manager.is_there and is_main(here) and LowPorts(settings.paths.data).settle(wanted, held):
        log.info("ports 80 and 443 are asked for as the settings want them")


def ask(paths: Paths) -> int:
    """Ask the network that runs here, by its sockets and by its ports; return the exit status."""
    settings = load(paths.data, os.environ)
    names: Sequence[str] = roles_of(settings)
    places = settings.places
    if not settings.pds.hostname:
        # A network of `hearth try` has its name from there; what it runs is what has a socket.
        names = [name for name in ROLES if name in names or paths.socket(name).exists()]
        if len(names) > len(roles_of(settings)):
            places = {}  # and its ports as well: others may be at those of the settings, or nobody
    silent = asyncio.run(_silent(settings, names, places))
    if silent:
        sys.stderr.write(f"hearth: no answer from {', '.join(silent)}\n")
        return 1
    sys.stdout.write(f"hearth {VERSION}: answers from {', '.join(names)}\n")
    return 0


async def _silent(
    settings: Settings, names: Sequence[str], places: Mapping[str, tuple[str, int]]
) -> list[str]:
    async with HttpClient.open(OutboundPolicy(allow_loopback=True)) as http:
        silent = await silent_roles(http, settings.paths, names)
        for name, (host, port) in places.items():
            # Neighbours speak TLS with certificates that nobody else knows.
            served = (name in names and name != "neighbours") or (
                name == "door" and settings.pds.hostname
            )
            # What listens on one address of several has no loopback; its socket has answered.
            asked = served and port and host in (LOOPBACK, *EVERYWHERE)
            if asked and not await answers(http, f"http://{LOOPBACK}:{port}"):
                silent.append(f"port {port}")
    return silent


def take_over(paths: Paths, env: Mapping[str, str]) -> None:
    """Keep the secrets that come under the names of the reference PDS; ours, once made, stay."""
    for variable, name in SECRETS.items():
        if env.get(variable):
            read_or_create(paths.secret(name), partial(env.__getitem__, variable))
    for variable, reason in without_effect(env):
        log.warning("%s has no effect: %s", variable, reason)


def _announce(settings: Settings, node: Node) -> None:
    """Print the link with which the owner claims a network that nobody has claimed."""
    if "admin" in node.roles:
        _show(settings, node.roles["admin"].claim_url)


def show_claim(paths: Paths) -> int:
    """Print that link once more, or why there is none; the exit status tells as well."""
    owner, code = OwnerFile(paths.data / "admin.json"), paths.secret("claim-code")
    if owner.owner.is_claimed:
        why = "it has an owner already"
    elif not code.exists():
        why = f"no network was started in {paths.data}"
    else:
        claim = Claim(owner, code, Throttle(time.time), time.time)
        if _show(load(paths.data, os.environ), claim.url):
            return 0
        why = "the panel has no port; the setting is admin.port"
    sys.stdout.write(f"There is no link to begin with: {why}.\n")
    return 1


def _show(settings: Settings, link: Callable[[str], str | None]) -> bool:
    host, port = settings.admin.host, settings.admin.port
    own = own_address() if host in EVERYWHERE else host
    is_far = not (is_near(own) or settings.admin.from_anywhere)
    claim = link(f"http://{in_url(LOOPBACK if is_far else own)}:{port}") if port else None
    if claim and is_far:
        sys.stdout.write(FROM_FAR.format(port=port, own=own, claim=claim))
    elif claim:
        sys.stdout.write(f"Open this link to begin: {claim}\n{picture_of(claim)}")
    sys.stdout.flush()
    return bool(claim)


def picture_of(link: str) -> str:
    """Draw a link as a QR code of characters, for the camera of a phone."""
    drawn = io.StringIO()
    import_module("segno").make(link, error="l", micro=False).terminal(drawn, compact=True)
    return drawn.getvalue()

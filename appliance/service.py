"""`hearth run`: the network in service, behind the owner's web server or at home."""

import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from functools import partial

from appliance.base.logs import setup_logging
from appliance.base.secret_files import read_or_create
from appliance.listeners import PortTaken, bind
from appliance.node import ROLES, Node, serve
from appliance.settings import Settings, load
from appliance.settings_aliases import SECRETS, UNUSED
from appliance.settings_file import save
from appliance.settings_groups import Paths

log = logging.getLogger(__name__)

NO_HOSTNAME = """\
hearth: this network has no name on the internet or at home yet.
        seen: pds.hostname is empty in {file}
        expected: the name under which the PDS is reached, such as pds.smith.example
        to do: set it there (or in HEARTH_PDS_HOSTNAME), or begin with: hearth try
"""


def run(paths: Paths, json_logs: bool) -> int:
    """Run until SIGTERM or SIGINT; return the exit status. Raises InvalidSettings."""
    setup_logging(as_json=json_logs)
    settings = load(paths.data, os.environ)
    take_over(settings.paths, os.environ)
    if not paths.settings_file.exists():
        save(settings)
    if not settings.pds.hostname:
        sys.stderr.write(NO_HOSTNAME.format(file=paths.settings_file))
        return 1
    try:
        listeners = {name: _listen(settings, name) for name in ROLES}
    except PortTaken as problem:
        sys.stderr.write(f"hearth: cannot listen: {problem}\n")
        return 1
    return serve(settings, listeners, lambda node: _announce(settings, node))


def take_over(paths: Paths, env: Mapping[str, str]) -> None:
    """Keep the secrets that come under the names of the reference PDS; ours, once made, stay."""
    for variable, name in SECRETS.items():
        if env.get(variable):
            read_or_create(paths.secret(name), partial(env.__getitem__, variable))
    for variable, reason in UNUSED.items():
        if env.get(variable):
            log.warning("%s has no effect: %s", variable, reason)


def _listen(settings: Settings, role: str) -> Sequence[socket.socket]:
    port = getattr(settings, role).port
    hosts = [settings.admin.host] if role == "admin" else ["127.0.0.1", "::1"]
    return bind(hosts, port) if port else ()


def _announce(settings: Settings, node: Node) -> None:
    """Print the link with which the owner claims a network that nobody has claimed."""
    if settings.admin.port:
        claim = node.roles["admin"].claim_url(f"http://{settings.admin.host}:{settings.admin.port}")
        if claim:
            sys.stdout.write(f"Open this link to begin: {claim}\n")
            sys.stdout.flush()

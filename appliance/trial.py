"""`hearth try`: the whole network on loopback, for a first look, for tests and for measuring."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from appliance.base.logs import setup_logging
from appliance.base.secret_files import replace_secret
from appliance.base.typed_secrets import holds_login, warn_of_seen
from appliance.listeners import NEVER_FETCHED, PortTaken, bind_named, close_all, copies
from appliance.node import AGAIN, Node, serve
from appliance.settings import Settings, load
from appliance.settings_groups import Paths
from appliance.upkeep.operator_access import OperatorAccess
from appliance.upkeep.systemd import ServiceManager
from appliance.web_client.edition import FRONT

LOOPBACK: Final = ["127.0.0.1", "::1"]
# The ports after it are the relay's, the AppView's, the directory's, the panel's, the client's.
DEFAULT_PORT: Final = 2583
LAST_PORT: Final = 65535
NAMES: Final = ("pds", "relay", "appview", "directory", "admin", "labeler")


@contextmanager
def _data(args: argparse.Namespace) -> Iterator[Path]:
    """Give the data folder; a temporary one goes when the run ends."""
    if not args.temp:
        folder = Paths.of(args.data or "hearth-data").data
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield folder
        return
    folder = Path(tempfile.mkdtemp(prefix="hearth-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def trial_settings(args: argparse.Namespace, data: Path, ports: Mapping[str, int]) -> Settings:
    """Make the settings of a trial: the folder's own, in dev mode, with these ports.

    Raises InvalidSettings.
    """
    url = {name: f"http://localhost:{port}" for name, port in ports.items()}
    values: dict[str, object] = {
        "network.trusted_proxies": 0,
        "network.handle_domains": tuple(args.handle_domain or [".test"]),
        "pds.hostname": "localhost",
        "pds.public_url": url["pds"],
        "relay.public_url": url["relay"],
        "appview.public_url": url["appview"],
        "labeler.public_url": url["labeler"],
        "appview.did": args.appview_did or f"did:web:localhost%3A{ports['appview']}",
        "directory.enabled": not args.plc,
        "network.own_account": not args.bare,
        "relay.crawl": tuple(args.crawl),
        **{f"{name}.port": port for name, port in ports.items()},
    }
    if "client" in ports:
        values["client.public_url"] = url["client"]
    if args.invites:
        values["pds.invites_required"] = True
    if args.limits:
        values["limits.enabled"] = True
    for name, value in (
        ("pds.plc_url", args.plc),
        ("smtp.url", args.smtp),
        ("appview.url", args.appview),
        ("client.folder", args.client),
    ):
        if value:
            values[name] = value
    return _own_settings(data).with_values(values)


def _own_settings(data: Path) -> Settings:
    """Read those of the folder, in dev mode. Raises InvalidSettings."""
    # A trial has addresses of its own, whatever this machine serves otherwise.
    own = {name: text for name, text in os.environ.items() if not name.startswith("PDS_")}
    return load(data, {**own, "HEARTH_NETWORK_MODE": "dev"})


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; return the exit status. Raises InvalidSettings."""
    setup_logging()
    with ExitStack() as stack:
        data = stack.enter_context(_data(args))
        port = DEFAULT_PORT if args.port is None else args.port
        client = args.client or _own_settings(data).client.folder
        names = (*NAMES, "client") if client else NAMES
        if args.client and not Path(args.client, FRONT).is_file():
            sys.stderr.write(f"hearth: {args.client} holds no web client: it has no {FRONT}\n")
            return 1
        if not 0 <= port <= LAST_PORT - len(names) + 1:
            sys.stderr.write(
                f"hearth: --port N takes {len(names)} ports from N up to {LAST_PORT}\n"
            )
            return 1
        if refused := NEVER_FETCHED.intersection(range(port, port + len(names))):
            sys.stderr.write(f"hearth: browsers refuse to open port {min(refused)}\n")
            sys.stderr.write(f"        --port N takes {len(names)} ports from N; choose others\n")
            return 1
        try:
            listeners = bind_named(names, LOOPBACK, port, data / "ports.json")
        except PortTaken as problem:
            sys.stderr.write(f"hearth: cannot listen: {problem}\n")
            sys.stderr.write("        stop what listens there, or choose others with --port N\n")
            return 1
        ports = {name: bound[0].getsockname()[1] for name, bound in listeners.items()}
        if args.plc:
            for listener in listeners.pop("directory"):
                listener.close()
        if args.smtp and holds_login(args.smtp):
            warn_of_seen("a password in an address", "the variable HEARTH_SMTP_URL")
        settings = trial_settings(args, data, ports)
        settings.paths.trial_mark.touch()
        if args.admin_password:
            better = "without it: one is made, in the file secrets/operator-token"
            warn_of_seen("the admin password", better)
            replace_secret(settings.paths.secret("operator-token"), args.admin_password)
        manager = ServiceManager(os.environ)
        stack.callback(close_all, listeners)
        first = {name: copies(bound) for name, bound in listeners.items()}
        status = serve(
            settings, first, lambda node: _announce(args, settings, node), manager, restarts=True
        )
        while status == AGAIN:
            settings = trial_settings(args, data, ports)
            anew = {name: copies(bound) for name, bound in listeners.items()}
            status = serve(settings, anew, lambda _node: None, manager, restarts=True)
        return status


def _announce(args: argparse.Namespace, settings: Settings, node: Node) -> None:
    """Say on stdout where everything is: one line of JSON, or some words."""
    report = describe(settings, node)
    line = orjson.dumps(report).decode() + "\n"
    sys.stdout.write(line if args.json else _welcome(report, kept=not args.temp))
    sys.stdout.flush()


def describe(settings: Settings, node: Node) -> dict[str, Any]:
    """Say where everything is; the line that `--json` prints."""
    panel = f"http://localhost:{settings.admin.port}"
    return {
        "pds_url": settings.pds.url,
        "relay_url": settings.relay.public_url,
        "appview_url": settings.appview.public_url,
        "labeler_url": settings.labeler.public_url,
        "plc_url": settings.pds.plc_url or f"http://localhost:{settings.directory.port}",
        "panel_url": panel,
        "client_url": settings.client.public_url,
        "claim_url": node.roles["admin"].claim_url(panel),
        "admin_password": OperatorAccess(settings.paths.secret("operator-token")).token,
        "handle_domain": settings.network.handle_domains[0],
        "data": str(settings.paths.data),
        "pid": os.getpid(),
    }


def _welcome(report: Mapping[str, Any], *, kept: bool) -> str:
    first = (
        f"Open this link in a browser to begin:\n\n    {report['claim_url']}\n"
        if report["claim_url"]
        else f"The panel is at {report['panel_url']}\n"
    )
    client = report["client_url"]
    pages = f"The web client is at                      {client}\n" if client else ""
    where = f"is kept in                    {report['data']}" if kept else "is gone when it stops"
    return f"""
Hearth is running, on this computer only.

{first}
{pages}For apps, the hosting provider (PDS) is   {report["pds_url"]}
Handles end in                            {report["handle_domain"]}
What you do {where}
Stop with Ctrl-C.

"""

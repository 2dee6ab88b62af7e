"""Which methods were answered well in this run, each by an answer measured by its lexicon."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from appliance.atproto.http_port import Response
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.methods import MethodTable
from appliance.atproto.xrpc.server import _Server

ROLES = ("pds", "relay", "labeler", "appview", "directory")
# By servers in this process, and by those of others that `client.checked` has looked at.
ANSWERED: set[str] = set()


def listen() -> None:
    """Note what a server of this process measures, as those in dev mode do, and those asked by it.

    Commands and the panel ask servers in other processes, which fail where an answer does not fit.
    """
    measure, call = _Server._check_output, XrpcClient.call

    def measure_and_note(server: _Server, nsid: str, body: bytes) -> None:
        measure(server, nsid, body)
        ANSWERED.add(nsid)

    async def call_and_note(client: XrpcClient, method: str, nsid: str, **rest: Any) -> Response:
        answer = await call(client, method, nsid, **rest)
        ANSWERED.add(nsid)
        return answer

    XrpcClient.call = call_and_note  # type: ignore[assignment, method-assign]
    _Server._check_output = measure_and_note  # type: ignore[assignment, method-assign]


def with_an_answer() -> set[str]:
    """Name the methods of all roles that answer with JSON."""
    catalog = load_catalog()
    found: set[str] = set()
    for role in ROLES:
        package = import_module(f"appliance.{role}.xrpc")
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            table = getattr(import_module(module.name), "methods", None)
            if isinstance(table, MethodTable):
                found |= table.methods.keys()
    return {nsid for nsid in found if _has_json(catalog.definition(nsid))}


def _has_json(method: dict[str, object]) -> bool:
    output = method.get("output")
    return isinstance(output, dict) and "schema" in output

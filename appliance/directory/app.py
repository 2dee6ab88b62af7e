"""The standard HTTP interface of a did:plc directory.

https://web.plc.directory/api/redoc
"""

import logging
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from aiohttp import web

from appliance.atproto.data import InvalidData, dumps, loads
from appliance.atproto.identity.errors import InvalidOperation
from appliance.atproto.syntax import Datetime, Json
from appliance.atproto.xrpc.server import add_methods
from appliance.directory.operations import (
    MAX_EXPORTED,
    DamagedOperation,
    NotRegistered,
    Tombstoned,
)
from appliance.directory.role import Directory
from appliance.directory.xrpc import internal_hearth_upkeep
from appliance.settings import Settings
from appliance.upkeep import metrics
from appliance.version import VERSION

MAX_BODY_BYTES: Final = 100_000

_log: Final = logging.getLogger(__name__)
_DIRECTORY: Final = web.AppKey("directory", Directory)
_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


def build_app(role: Directory, settings: Settings) -> web.Application:
    """Make the application: the PLC routes, and the operator's methods under /xrpc/."""
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_errors_as_json])
    app[_DIRECTORY] = role
    add_methods(
        app,
        role,
        [internal_hearth_upkeep.methods],
        validator=role.validator,
        validate_outputs=settings.dev.validate_outputs,
    )
    told = metrics.of_report(partial(internal_hearth_upkeep.get_status, role, None))
    app.router.add_get(metrics.PATH, metrics.endpoint(role, told))
    app.router.add_get("/_health", health)
    app.router.add_get("/export", export)
    app.router.add_get("/{did:did:[^/]+}", document)
    app.router.add_post("/{did:did:[^/]+}", submit)
    app.router.add_get("/{did:did:[^/]+}/data", data)
    app.router.add_get("/{did:did:[^/]+}/log", log)
    app.router.add_get("/{did:did:[^/]+}/log/audit", audit_log)
    app.router.add_get("/{did:did:[^/]+}/log/last", last)
    return app


async def health(_request: web.Request) -> web.Response:
    return _json({"version": VERSION})


async def document(request: web.Request) -> web.Response:
    found = request.app[_DIRECTORY].operations.document(request.match_info["did"])
    return _json(found, content_type="application/did+ld+json")


async def data(request: web.Request) -> web.Response:
    return _json(request.app[_DIRECTORY].operations.data(request.match_info["did"]))


async def last(request: web.Request) -> web.Response:
    return _json(request.app[_DIRECTORY].operations.last(request.match_info["did"]))


async def log(request: web.Request) -> web.Response:
    return _json(await request.app[_DIRECTORY].operations.log(request.match_info["did"]))


async def audit_log(request: web.Request) -> web.Response:
    return _json(await request.app[_DIRECTORY].operations.audit_log(request.match_info["did"]))


async def submit(request: web.Request) -> web.Response:
    try:
        operation = loads(await request.read())
    except InvalidData as error:
        raise InvalidOperation(f"not JSON: {error}") from None
    await request.app[_DIRECTORY].operations.submit(request.match_info["did"], operation)
    return web.Response(text="OK")


async def export(request: web.Request) -> web.Response:
    """Answer with JSON lines; after: a seq, or a time for the older form of entries."""
    count_text = request.query.get("count", str(MAX_EXPORTED))
    if not _DIGITS.fullmatch(count_text) or int(count_text) < 1:
        return _error(400, "Invalid count parameter")
    count = int(count_text)
    operations = request.app[_DIRECTORY].operations
    after = request.query.get("after", "")
    if _DIGITS.fullmatch(after):
        entries = await operations.export(int(after), count)
    else:
        after_us = _time(after)
        if after_us is None:
            return _error(400, "Invalid after parameter")
        entries = await operations.export_by_time(after_us, count)
    lines = b"\n".join(dumps(entry) for entry in entries)
    return web.Response(body=lines, content_type="application/jsonlines")


def _time(text: str) -> int | None:
    """Read a time (microseconds since 1970), written in full or as a date; no text: the start."""
    if not text:
        return -1
    try:
        return Datetime(text if "T" in text else f"{text}T00:00:00Z").to_us()
    except ValueError:
        return None


def _json(value: Json, content_type: str = "application/json", status: int = 200) -> web.Response:
    return web.Response(
        body=dumps(value), content_type=content_type, charset="utf-8", status=status
    )


def _error(status: int, message: str) -> web.Response:
    return _json({"message": message}, status=status)


@web.middleware
async def _errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]
) -> Any:
    """Answer errors as the public directory does: {"message": ...}."""
    try:
        return await handler(request)
    except NotRegistered as error:
        return _error(404, str(error))
    except Tombstoned as error:
        return _error(410, str(error))
    except InvalidOperation as error:
        return _error(400, str(error))
    except DamagedOperation as error:
        _log.error("damaged reason=%s", error)
        return _error(500, str(error))
    except web.HTTPNotFound:
        return _error(404, "Not found")
    except web.HTTPRequestEntityTooLarge:
        return _error(413, "Request body too large")

"""The store on the wire: the REST backend of restic, version 2.

https://restic.readthedocs.io/en/stable/100_references.html#rest-backend
"""

import base64
import binascii
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from appliance.base import room
from appliance.upkeep.lodging.lodgers import Lodgers
from appliance.upkeep.lodging.store import CONFIG, Damaged, Load, NoRoom, NoSuchFile, Store

PATH: Final = "/-/copies"
FOLDER: Final = "lodging"
LIST: Final = "application/vnd.x.restic.rest.v2"

Answer = Callable[[web.Request, Store], Awaitable[web.StreamResponse]]


def add_lodging(app: web.Application, data: Path) -> None:
    """Serve whoever may keep copies here."""
    desk = _Desk(Lodgers(data), data / FOLDER, room.Room(data))
    base = PATH + "/{lodger}/"
    for verb, path, answer in (
        ("POST", base, _create),
        ("GET", base + CONFIG, _send),
        ("POST", base + CONFIG, _keep),
        ("GET", base + "{kind}/", _list),
        ("GET", base + "{kind}/{name}", _send),
        ("POST", base + "{kind}/{name}", _keep),
        ("DELETE", base + "{kind}/{name}", _delete),
    ):
        app.router.add_route(verb, path, desk.serve(answer))
        if verb == "GET":
            app.router.add_route("HEAD", path, desk.serve(answer))


class _Desk:
    """Lets lodgers in, and each to their own files."""

    def __init__(self, lodgers: Lodgers, folder: Path, disk: room.Room) -> None:
        self._lodgers = lodgers
        self._folder = folder
        self._disk = disk
        self._loads: defaultdict[str, Load] = defaultdict(Load)

    def serve(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Make a handler of an answer."""

        async def handle(request: web.Request) -> web.StreamResponse:
            name, token = _shown(request.headers.get("Authorization", ""))
            lodger = self._lodgers.admit(name, token)
            if lodger is None or name != request.match_info["lodger"]:
                raise web.HTTPUnauthorized(headers={"WWW-Authenticate": 'Basic realm="copies"'})
            try:
                return await answer(request, self._store(name, lodger.quota))
            except NoSuchFile as missing:
                raise web.HTTPNotFound from missing
            except FileExistsError as known:
                raise web.HTTPForbidden(text="what is there is not overwritten\n") from known
            except (NoRoom, room.NoRoom) as full:
                raise web.HTTPInsufficientStorage(text="there is no room left\n") from full
            except Damaged as damaged:
                raise web.HTTPBadRequest(text="this is not what its name says\n") from damaged

        return handle

    def _store(self, name: str, quota: int) -> Store:
        return Store(self._folder / name, quota, self._loads[name], self._disk.require)


async def _create(_request: web.Request, _store: Store) -> web.Response:
    """There is nothing to make: folders come with their files."""
    return web.Response()


async def _list(request: web.Request, store: Store) -> web.Response:
    listed = [{"name": name, "size": size} for name, size in store.names(_kind(request))]
    # To the letter, without an alphabet: restic compares.
    return web.Response(body=json.dumps(listed).encode(), headers={"Content-Type": LIST})


async def _send(request: web.Request, store: Store) -> web.StreamResponse:
    return web.FileResponse(store.path(_kind(request), request.match_info.get("name", "")))


async def _keep(request: web.Request, store: Store) -> web.Response:
    name = request.match_info.get("name", "")
    await store.keep(_kind(request), name, request.content.iter_any())
    return web.Response()


async def _delete(request: web.Request, store: Store) -> web.Response:
    store.delete(_kind(request), request.match_info["name"])
    return web.Response()


def _kind(request: web.Request) -> str:
    return request.match_info.get("kind", CONFIG)


def _shown(header: str) -> tuple[str, str]:
    """Read name and token from an Authorization header; two empty texts if there are none."""
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    name, _, token = text.partition(":")
    return (name, token) if scheme.lower() == "basic" else ("", "")

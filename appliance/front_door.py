"""The front door: one port for all that is asked of this network, told apart by name and path.

The PDS has its name, the names of handles below it, and every address of this machine; relay,
AppView and web client have the names that settings give them. Pictures of the AppView are asked
for under the name of the PDS where it has no name of its own, and so are labels and feeds. The
panel is not here: it has a port of its own, which nobody forwards to the internet by accident.

Roles are mounted as they are: nothing is copied from one connection to another, but for roles in
other processes (`passage`).
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractRuleMatching, MatchedSubAppResource

from appliance.base.machine import is_literal, own_names
from appliance.settings import Settings, host_in
from appliance.upkeep.metrics import PATH as METRICS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PICTURES: Final = ("/img/", "/blob/", "/cards/")
# Services of the network that its own account names under the name of the PDS.
SERVICES: Final = {
    "/xrpc/com.atproto.label.subscribeLabels": "labeler",
    "/xrpc/app.bsky.feed.describeFeedGenerator": "appview",
    "/xrpc/app.bsky.feed.getFeedSkeleton": "appview",
}
# Asked by a member, or for another service by name, it goes through the PDS.
OPEN_SERVICES: Final = {"/xrpc/com.atproto.label.queryLabels": "labeler"}
HANDLE_DOCUMENT: Final = "/.well-known/atproto-did"
_STRANGE: Final = """\
There is nothing here under the name {seen}.
This network goes by the name {expected}. If a web server or tunnel stands before it, let that pass
on the Host header as it came.
"""


class Names:
    """Which role a request is for, by the name and the path that it asks for."""

    def __init__(self, settings: Settings) -> None:
        pds, appview = settings.pds, settings.appview
        self._by_name = {host_in(pds.url): "pds", "localhost": "pds"}
        self._by_name.update(dict.fromkeys((*own_names(), *settings.local_names), "pds"))
        if pds.hostname:
            self._by_name[pds.hostname] = "pds"
        for role, names in (
            ("relay", (settings.relay.hostname, host_in(settings.relay.public_url))),
            ("appview", (host_in(appview.public_url),)),
            ("labeler", (host_in(settings.labeler.public_url),)),
            ("client", _names_of_client(settings)),
        ):
            for name in names:
                if name:
                    self._by_name.setdefault(name, role)
        self._handles = settings.network.handle_domains or (f".{pds.hostname}",)

    def role(self, host: str, path: str, *, is_open: bool = False) -> str | None:
        """Name the role; None for a name that is not ours.

        `is_open`: the request says neither who asks nor which service is meant.
        """
        name = _without_port(host.lower()).rstrip(".")
        known = self._by_name.get(name)
        if known is None and is_literal(name):
            known = "pds"
        if known == "pds":
            return _by_path(path, is_open=is_open)
        if known is None and (name.endswith(self._handles) or path == HANDLE_DOCUMENT):
            return "pds"
        return known


class _Way(AbstractRuleMatching):
    """The requests for one role."""

    def __init__(self, names: Names, role: str) -> None:
        self._names = names
        self._role = role

    @property
    def canonical(self) -> str:
        return self._role

    async def match(self, request: web.Request) -> bool:
        said = request.headers
        is_open = not (said.get("Authorization") or said.get("atproto-proxy"))
        return self._names.role(request.host, request.path, is_open=is_open) == self._role

    def get_info(self) -> dict[str, str]:  # type: ignore[override]
        return {"role": self._role}


def build_door(settings: Settings, roles: Mapping[str, web.Application]) -> web.Application:
    """Make one application of those of the roles."""
    names = Names(settings)

    @web.middleware
    async def refuse_strange_names(request: web.Request, handler: Handler) -> web.StreamResponse:
        if names.role(request.host, request.path) is None:
            text = _STRANGE.format(seen=request.host[:100], expected=settings.pds.hostname)
            return web.Response(status=421, text=text)
        if request.path == METRICS:  # for the operator, at the panel
            raise web.HTTPNotFound
        return await handler(request)

    door = web.Application(middlewares=[refuse_strange_names], client_max_size=2**20)
    for role, app in roles.items():
        app.freeze()
        door.router.register_resource(MatchedSubAppResource(_Way(names, role), app))
        door.on_startup.append(_of(app, "startup"))
        door.on_shutdown.append(_of(app, "shutdown"))
        door.on_cleanup.append(_of(app, "cleanup"))
    return door


def build_signpost(settings: Settings) -> web.Application:
    """Make what answers at the door before there is a network: it leads to the wizard."""
    names = {"localhost", *own_names(), *settings.local_names}

    async def lead(request: web.Request) -> web.StreamResponse:
        host = _without_port(request.host).lower()
        if host not in names and not is_literal(host):
            return web.Response(status=421, text="Nothing is here yet.\n")
        raise web.HTTPFound(f"http://{host}:{settings.admin.port}/")

    signpost = web.Application(client_max_size=2**10)
    signpost.router.add_get("/{path:.*}", lead)
    return signpost


def _names_of_client(settings: Settings) -> tuple[str, ...]:
    """Give them; a client with a port of its own is not looked for at the door by its URL."""
    client = settings.client
    if not client.folder:
        return ()
    return (client.hostname, "" if client.port else host_in(client.public_url))


def _of(app: web.Application, moment: str) -> Callable[[web.Application], Awaitable[None]]:
    """What the whole does at a moment of its life, done for a part."""

    async def done(_whole: web.Application) -> None:
        await getattr(app, moment)()

    return done


def _by_path(path: str, *, is_open: bool) -> str:
    """Say who answers under the name of the PDS."""
    if path.startswith(PICTURES):
        return "appview"
    if is_open and path in OPEN_SERVICES:
        return OPEN_SERVICES[path]
    return SERVICES.get(path, "pds")


def _without_port(host: str) -> str:
    """Part "name:port"; an IPv6 address stands in brackets."""
    name, colon, _ = host.rpartition(":")
    return host if not colon or host.endswith("]") else name

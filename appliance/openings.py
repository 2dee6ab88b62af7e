"""How each role is opened, and what makes its application."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from appliance.admin.app import build_app as build_admin
from appliance.admin.panel import open_admin
from appliance.appview.app import build_app as build_appview
from appliance.appview.role import open_appview
from appliance.atproto.lexicon.validate import Validator
from appliance.base.clock import Clock
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.directory.app import build_app as build_directory
from appliance.directory.role import open_directory
from appliance.firehose.inside import Inside
from appliance.labeler.app import build_app as build_labeler
from appliance.labeler.role import open_labeler
from appliance.neighbours.app import build_app as build_neighbours
from appliance.neighbours.role import open_neighbours
from appliance.pds.app import build_app as build_pds
from appliance.pds.role import open_pds
from appliance.relay.app import build_app as build_relay
from appliance.relay.role import open_relay
from appliance.settings import Settings
from appliance.web_client.app import build_app as build_client
from appliance.web_client.role import open_web_client


@dataclass(frozen=True)
class Ground:
    """What every role stands on."""

    settings: Settings
    http: HttpClient
    clock: Clock
    validator: Validator
    restart: Callable[[], None] | None
    inside: Inside


def _with_validator(
    open_role: Callable[..., AbstractAsyncContextManager[Any]],
) -> Callable[[Ground, Workers], AbstractAsyncContextManager[Any]]:
    return lambda on, workers: open_role(on.settings, on.http, workers, on.clock, on.validator)


def _with_frames(
    open_role: Callable[..., AbstractAsyncContextManager[Any]],
) -> Callable[[Ground, Workers], AbstractAsyncContextManager[Any]]:
    """For those who write commits or read them."""
    return lambda on, workers: open_role(
        on.settings, on.http, workers, on.clock, on.validator, on.inside
    )


OPEN: Final[Mapping[str, Callable[[Ground, Workers], AbstractAsyncContextManager[Any]]]] = {
    "directory": _with_validator(open_directory),
    "neighbours": _with_validator(open_neighbours),
    "pds": _with_frames(open_pds),
    "relay": _with_frames(open_relay),
    "labeler": _with_validator(open_labeler),
    "appview": _with_frames(open_appview),
    "client": lambda on, workers: open_web_client(on.settings, on.http, workers),
    "admin": lambda on, workers: open_admin(on.settings, on.http, on.clock, on.restart),
}
BUILD: Final[Mapping[str, Callable[[Any, Settings], web.Application]]] = {
    "directory": build_directory,
    "neighbours": build_neighbours,
    "pds": build_pds,
    "relay": build_relay,
    "labeler": build_labeler,
    "appview": build_appview,
    "client": build_client,
    "admin": build_admin,
}

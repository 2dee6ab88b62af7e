"""The web client's parts, built once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.settings import Settings
from appliance.web_client.addresses import Own
from appliance.web_client.pack_cards import PackCards
from appliance.web_client.reads import Reads
from appliance.web_client.shelf import Shelf

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 60.0


@dataclass(frozen=True)
class WebClient:
    """What `app` serves."""

    url: str
    shelf: Shelf
    reads: Reads
    pack_cards: PackCards


def url_of(settings: Settings) -> str:
    """Say where members find the client; without a name of its own, beside the PDS."""
    client = settings.client
    if client.public_url or not client.hostname:
        beside = f"http://{urlsplit(settings.pds.url).hostname}:{client.port}"
        return client.public_url.rstrip("/") or beside
    return f"https://{client.hostname}"


@asynccontextmanager
async def open_web_client(
    settings: Settings, http: HttpClient, workers: Workers
) -> AsyncIterator[WebClient]:
    """Make the export in the folder ready.

    Where the network is its own, its account takes the place of the company's; as soon as there is
    one, which at a network's first start takes a moment.
    """
    is_public = settings.network.mode == "public"
    pictures = settings.appview.public_url.rstrip("/") or settings.pds.url
    own = Own(
        client=url_of(settings),
        pds=settings.pds.url,
        cards=f"{pictures}/cards",
        network=settings.network.name,
        links_lead_here=not is_public,
    )
    shelf = Shelf(
        Path(settings.client.folder),
        settings.paths.cache / "client",
        pictures=settings.appview.public_url or settings.pds.url,
        outside=is_public,
    )
    handle = _own_handle(settings)
    pds = XrpcClient(http, settings.paths.address("pds"))
    account = "" if is_public else await _account(pds, handle)
    await shelf.fill(replace(own, account=account))
    if not is_public and not account:

        async def settle() -> None:
            found = await _account_in_time(pds, handle)
            await shelf.fill(replace(own, account=found))

        workers.start("web client: wait for the network's account", settle)
    appview = settings.appview.url or settings.paths.address("appview")
    cards = PackCards(pds, settings.network.name)
    yield WebClient(own.client, shelf, Reads(http, appview), cards)


def _own_handle(settings: Settings) -> str:
    domains = settings.network.handle_domains or (f".{settings.pds.hostname}",)
    return f"{settings.network.own_name}{domains[0]}"


async def _account(pds: XrpcClient, handle: str) -> str:
    """Ask for the DID of the network's account; "" if there is none yet."""
    try:
        found = await pds.query("com.atproto.identity.resolveHandle", {"handle": handle})
    except XrpcError:
        return ""
    return str(found["did"]) if isinstance(found, dict) else ""


async def _account_in_time(pds: XrpcClient, handle: str) -> str:
    pause = FIRST_PAUSE
    while not (found := await _account(pds, handle)):
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    return found

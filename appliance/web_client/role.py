"""The web client's parts, built once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from appliance.base.http import HttpClient
from appliance.settings import Settings
from appliance.web_client import policy
from appliance.web_client.addresses import Own, Replacement
from appliance.web_client.edition import Edition, NoExport
from appliance.web_client.reads import Reads

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WebClient:
    """What `app` serves. Without an edition, pages say that there is none."""

    url: str
    edition: Edition | None
    headers: Mapping[str, str]
    reads: Reads


def url_of(settings: Settings) -> str:
    """Say where members find the client; without a name of its own, beside the PDS."""
    client = settings.client
    if client.public_url or not client.hostname:
        beside = f"http://{urlsplit(settings.pds.url).hostname}:{client.port}"
        return client.public_url.rstrip("/") or beside
    return f"https://{client.hostname}"


@asynccontextmanager
async def open_web_client(settings: Settings, http: HttpClient) -> AsyncIterator[WebClient]:
    """Make the export in the folder ready; a folder that cannot be read stops nothing else."""
    is_public = settings.network.mode == "public"
    own = Own(
        client=url_of(settings),
        pds=settings.pds.url,
        network=settings.network.name,
        links_lead_here=not is_public,
    )
    edition: Edition | None = None
    headers = policy.ALWAYS
    try:
        folder, cache = Path(settings.client.folder), settings.paths.cache / "client"
        edition = await asyncio.to_thread(Edition.open, folder, cache, Replacement(own))
        page = edition.front.path.read_bytes()
        pictures = settings.appview.public_url or settings.pds.url
        headers = policy.headers(page, (own.client, own.pds, pictures), outside=is_public)
    except (NoExport, OSError) as problem:
        log.warning("no web client: %s", problem)
    appview = settings.appview.url or settings.paths.address("appview")
    yield WebClient(own.client, edition, headers, Reads(http, appview))

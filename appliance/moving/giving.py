"""Fill a server from what was taken: the repo, the blobs, the preferences, what is private."""

import asyncio
import contextlib
from functools import partial
from typing import Any, Final

from appliance.atproto.xrpc.errors import XrpcError
from appliance.moving import private_data
from appliance.moving.folder import (
    ACCOUNT,
    PREFERENCES,
    REPO,
    Holdings,
    blob_names,
    mime_types,
)
from appliance.moving.journal import Journal
from appliance.moving.progress import Progress
from appliance.moving.server import Parcel, Server
from appliance.moving.taking import HAS_NONE
from appliance.moving.trouble import Trouble
from appliance.moving.vault import PAPERS, Vault

BLOBS_AT_ONCE: Final = 4
_PAGE: Final = 500
_CAR: Final = "application/vnd.ipld.car"
_STATUS: Final = "com.atproto.server.checkAccountStatus"


class Giving:
    """Bring an account into a server, step by step; each step may be done again."""

    def __init__(
        self,
        server: Server,
        holdings: Holdings,
        journal: Journal,
        progress: Progress,
        vault: Vault | None = None,
    ) -> None:
        """Take the vault of our own AppView where the server is ours."""
        self._server = server
        self._holdings = holdings
        self._journal = journal
        self._progress = progress
        self._vault = vault

    async def repo(self) -> dict[str, Any]:
        """Have the repository imported; the server judges it."""
        size = self._holdings.size(REPO)
        await self._progress.begin("import", size)
        if not await self._is_there():
            parcel = Parcel(lambda: self._holdings.open(REPO), size, _CAR)
            await self._server.send("com.atproto.repo.importRepo", parcel, self._progress.reach)
        status = await self._server.query(_STATUS)
        await self._progress.end(f"{status['indexedRecords']:,} records, rev {status['repoRev']}")
        return {"records": status["indexedRecords"], "rev": status["repoRev"]}

    async def blobs(self) -> dict[str, Any]:
        """Upload what the server misses; what nobody has is noted as lost."""
        files, kinds = blob_names(self._holdings), mime_types(self._holdings)
        missing = await self._missing()
        await self._progress.begin("upload", len(missing), "files")
        lost = [cid for cid in missing if cid not in files]
        wanted = [cid for cid in missing if cid in files]
        for start in range(0, len(wanted), BLOBS_AT_ONCE):
            some = wanted[start : start + BLOBS_AT_ONCE]
            await asyncio.gather(
                *(
                    self._upload(cid, files[cid], kinds.get(cid, "application/octet-stream"))
                    for cid in some
                )
            )
            await self._progress.reach(start + len(some))
        also = f", {len(lost)} are missing" if lost else ""
        await self._progress.end(f"{len(wanted):,} files{also}")
        return {"files": len(wanted), "lost": lost}

    async def preferences(self) -> dict[str, Any]:
        await self._progress.begin("preferences")
        kept: Any = self._holdings.read(PREFERENCES) or []
        try:
            await self._server.call("app.bsky.actor.putPreferences", preferences=kept)
        except XrpcError as refusal:
            if refusal.name not in HAS_NONE:
                raise
            await self._progress.end(f"this server takes none ({refusal.message})")
            return {"count": 0, "refusal": refusal.message}
        await self._progress.end(f"{len(kept)} put")
        return {"count": len(kept)}

    async def activate(self) -> dict[str, Any]:
        """Open the account to the world, if it is not open yet."""
        await self._progress.begin("activate")
        status = await self._server.query(_STATUS)
        if not status["activated"]:
            await self._server.call("com.atproto.server.activateAccount")
        await self._progress.end(f"the account is active at {self._server.url}")
        return {"rev": (await self._server.query(_STATUS))["repoRev"]}

    async def private(self) -> dict[str, Any]:
        """Tell the AppView behind the server what no repo holds."""
        await self._progress.begin("restore")
        names = [name for name in self._holdings.names() if name.startswith(private_data.FOLDER)]
        documents: dict[str, Any] = {name: self._holdings.read(name) for name in names}
        papers = documents.pop(PAPERS, None)
        put, refused = None, 0
        if papers is not None and self._vault is not None:
            put = await self._vault.write(self._journal.fact("did"), papers)
        if put is None:
            put, refused = await private_data.write(self._server, documents)
        also = f", {refused} refused by the AppView" if refused else ""
        await self._progress.end(f"{put} private items put{also}")
        return {"put": put, "refused": refused}

    async def _is_there(self) -> bool:
        """Tell whether this very repository was imported, by a run that was cut off."""
        commit = self._journal.seen("repo").get("commit")
        status = await self._server.query(_STATUS)
        return commit is not None and status["repoCommit"] == commit

    async def _missing(self) -> list[str]:
        found: list[str] = []
        cursor = None
        while True:
            page = await self._server.query(
                "com.atproto.repo.listMissingBlobs", limit=_PAGE, cursor=cursor
            )
            found += [one["cid"] for one in page["blobs"]]
            cursor = page.get("cursor")
            if not cursor or not page["blobs"]:
                return found

    async def _upload(self, cid: str, name: str, kind: str) -> None:
        parcel = Parcel(partial(self._holdings.open, name), self._holdings.size(name), kind)
        answer = await self._server.send("com.atproto.repo.uploadBlob", parcel, _silent)
        seen = answer["blob"]["ref"]["$link"]
        if seen != cid:
            raise Trouble(
                f"{self._server.url} took {name} for the blob {seen}",
                f"the blob {cid}",
                "take the account out once more: the file is damaged",
            )


def whose(holdings: Holdings) -> dict[str, Any]:
    """Read who it is that was taken. Raises Trouble."""
    found: Any = None
    with contextlib.suppress(OSError):
        found = holdings.read(ACCOUNT)
    if not isinstance(found, dict) or "did" not in found or REPO not in holdings.names():
        raise Trouble(
            "there is no whole account in it",
            "a folder or a ZIP file with account.json and repo.car",
            "name what `hearth account export` or the download of /account made",
        )
    return found


async def _silent(_size: int) -> None:
    """Blobs are counted, not measured."""

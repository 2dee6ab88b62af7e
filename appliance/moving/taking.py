"""Fill a folder from a server: who it is, the repo, the blobs, the preferences, what is private."""

import asyncio
from pathlib import Path
from typing import Any, Final

from appliance.atproto.car import CarReader, InvalidCar
from appliance.atproto.cid import Cid, InvalidCid
from appliance.atproto.repo.commit import Commit, parse_commit
from appliance.atproto.xrpc.errors import XrpcError
from appliance.moving import private_data
from appliance.moving.folder import (
    ACCOUNT,
    BLOBS,
    PREFERENCES,
    REPO,
    Folder,
    blob_name,
    mime_types,
    pieces,
)
from appliance.moving.journal import Journal
from appliance.moving.progress import Progress
from appliance.moving.server import Server
from appliance.moving.trouble import Trouble
from appliance.moving.vault import PAPERS, Vault

BLOBS_AT_ONCE: Final = 4
_NOTED_EVERY: Final = 40  # blobs; those fetched since the last note are fetched again
_PAGE: Final = 500
MOST_BLOBS: Final = 1_000_000
# What a server says that keeps no preferences, since no AppView is set for it.
HAS_NONE: Final = frozenset({"InvalidRequest", "MethodNotImplemented"})
_GET_LATEST: Final = "com.atproto.sync.getLatestCommit"


class Taking:
    """Take an account out of a server, step by step; each step may be done again."""

    def __init__(
        self,
        server: Server,
        folder: Folder,
        journal: Journal,
        progress: Progress,
        vault: Vault | None = None,
    ) -> None:
        """Take the vault of our own AppView where the server is ours."""
        self._server = server
        self._folder = folder
        self._journal = journal
        self._progress = progress
        self._vault = vault

    @property
    def _did(self) -> str:
        return str(self._journal.fact("did"))

    async def account(self) -> dict[str, Any]:
        """Note who it is."""
        await self._progress.begin("account")
        session = await self._server.query("com.atproto.server.getSession")
        about = await self._server.ask_openly("com.atproto.server.describeServer")
        if session["did"] != self._journal.fact("did", session["did"]):
            raise Trouble(
                f"{self._server.url} answers for {session['did']}",
                f"the account of this move, {self._did}",
                "name another folder for another account",
            )
        self._journal.note(did=session["did"], handle=session["handle"])
        self._progress.about["did"] = session["did"]
        kept = ("did", "handle", "email", "emailConfirmed", "status", "didDoc")
        told = {name: session[name] for name in kept if name in session}
        self._folder.write(ACCOUNT, {**told, "server": {**about, "url": self._server.url}})
        await self._progress.end(f"{session['handle']}  {session['did']}")
        return {"handle": session["handle"], "did": session["did"]}

    async def repo(self) -> dict[str, Any]:
        """Fetch the repository, and see that every block is what its CID says."""
        await self._progress.begin("repo")
        path = self._folder.path / REPO
        nsid = "com.atproto.sync.getRepo"
        fetched = await self._server.fetch(nsid, path, self._progress.reach, did=self._did)
        commit, blocks = await asyncio.to_thread(examine, path, self._did)
        await self._progress.end(f"{fetched.size:,} bytes, {blocks:,} blocks, rev {commit.rev}")
        noted = {"commit": str(commit.cid), "rev": str(commit.rev), "root": str(commit.data)}
        return {**noted, "bytes": fetched.size, "blocks": blocks}

    async def is_newest(self) -> bool:
        """Tell whether the server still stands where the repository was taken."""
        latest = await self._server.query(_GET_LATEST, did=self._did)
        return bool(latest["cid"] == self._journal.seen("repo").get("commit"))

    async def blobs(self) -> dict[str, Any]:
        """Fetch what is not here yet; what the server does not have is noted as lost."""
        await self._progress.begin("blobs", unit="files")
        wanted = await self._list_blobs()
        kinds = {
            cid: kind
            for cid, kind in mime_types(self._folder).items()
            if self._folder.has(blob_name(cid, kind))
        }
        await self._progress.begin("blobs", len(wanted), "files")
        missing = [cid for cid in wanted if cid not in kinds]
        lost: list[str] = []
        for start in range(0, len(missing), BLOBS_AT_ONCE):
            some = missing[start : start + BLOBS_AT_ONCE]
            found = await asyncio.gather(*map(self._blob, some))
            kinds |= {cid: kind for cid, kind in zip(some, found, strict=True) if kind}
            lost += [cid for cid, kind in zip(some, found, strict=True) if not kind]
            if start % _NOTED_EVERY == 0:
                self._note(kinds)
            await self._progress.reach(len(kinds))
        self._note(kinds)
        also = f", {len(lost)} are missing there" if lost else ""
        await self._progress.end(f"{len(kinds):,} files{also}")
        return {"files": len(kinds), "lost": lost}

    async def preferences(self) -> dict[str, Any]:
        await self._progress.begin("preferences")
        try:
            said = await self._server.query("app.bsky.actor.getPreferences")
        except XrpcError as refusal:
            if refusal.name not in HAS_NONE:
                raise
            await self._progress.end(f"this server keeps none ({refusal.message})")
            return {"count": 0, "refusal": refusal.message}
        self._folder.write(PREFERENCES, said["preferences"])
        await self._progress.end(f"{len(said['preferences'])} kept")
        return {"count": len(said["preferences"])}

    async def private(self) -> dict[str, Any]:
        """Ask the AppView behind the server for what no repo holds."""
        await self._progress.begin("private")
        found = await private_data.read(self._server)
        papers = await self._vault.read(self._did) if self._vault else None
        if papers is not None:
            found[PAPERS] = papers
        for name, document in found.items():
            self._folder.write(name, document)
        counts = {
            name.removeprefix(private_data.FOLDER).removesuffix(".json"): len(document)
            for name, document in found.items()
            if name != PAPERS
        }
        told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        await self._progress.end(told or "nothing")
        return counts

    async def _list_blobs(self) -> list[str]:
        found: list[str] = []
        cursor = None
        while True:
            page = await self._server.query(
                "com.atproto.sync.listBlobs", did=self._did, limit=_PAGE, cursor=cursor
            )
            found += map(self._name, page["cids"])
            if len(found) > MOST_BLOBS:
                raise Trouble(
                    f"{self._server.url} lists more than {MOST_BLOBS} blobs",
                    "the blobs of one account",
                    "tell whoever runs that server",
                )
            cursor = page.get("cursor")
            if not cursor or not page["cids"]:
                return found

    def _name(self, cid: object) -> str:
        """See that a blob is named by its hash: what others name becomes a file here."""
        try:
            return str(Cid.parse(str(cid)))
        except InvalidCid as bad:
            raise Trouble(
                f"{self._server.url} lists {str(cid)[:100]!r}, which is no name of a blob",
                "the CIDs of blobs",
                "tell whoever runs that server",
            ) from bad

    async def _blob(self, cid: str) -> str | None:
        """Fetch one blob; give its media type, or None if the server does not have it."""
        aside = self._folder.path / "blobs" / f".{cid}"
        nsid = "com.atproto.sync.getBlob"
        try:
            fetched = await self._server.fetch(nsid, aside, _silent, did=self._did, cid=cid)
        except XrpcError as refusal:
            if refusal.status not in (400, 404):
                raise
            return None
        if fetched.digest != Cid.parse(cid).digest:
            aside.unlink()
            raise Trouble(
                f"{self._server.url} gave other bytes than those of the blob {cid}",
                "the bytes that the name of a blob is made of",
                "try again; if it stays so, tell whoever runs that server",
            )
        aside.replace(self._folder.path / blob_name(cid, fetched.mime_type))
        return fetched.mime_type

    def _note(self, kinds: dict[str, str]) -> None:
        listed = [{"cid": cid, "mimeType": kind} for cid, kind in kinds.items()]
        self._folder.write(BLOBS, listed)


def examine(path: Path, did: str) -> tuple[Commit, int]:
    """Check every hash of an archive; give its commit and the number of blocks. Raises Trouble."""
    try:
        reader, root, count = CarReader(), b"", 0
        for piece in pieces(path.open("rb")):
            for cid, block in reader.feed(piece):
                count += 1
                if [cid] == reader.roots:
                    root = block
        reader.finish()
        commit = parse_commit(root)
        if commit.did != did:
            raise InvalidCar(f"it is the repo of {commit.did}")
    except ValueError as bad:
        raise Trouble(
            f"{path} is not a whole repository: {bad}",
            f"the repository of {did}",
            "give the command again: it fetches it anew",
        ) from bad
    return commit, count


async def _silent(_size: int) -> None:
    """Blobs are counted, not measured."""

"""The inbox of reports, and what can be done about each: over the PDS, as the operator."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from appliance.admin.clients import Roles
from appliance.admin.offers import Labels
from appliance.atproto.car import read_car
from appliance.atproto.cid import Cid
from appliance.atproto.data import record_json
from appliance.atproto.syntax import AtUri, Datetime, InvalidSyntax
from appliance.atproto.xrpc.errors import UpstreamFailure, XrpcError

PDS: Final = "internal.hearth.pds"
PAGE: Final = 20
_REPO: Final = "com.atproto.admin.defs#repoRef"
_RECORD: Final = "com.atproto.repo.strongRef"
_BLOB: Final = "com.atproto.admin.defs#repoBlobRef"


# The reasons of the protocol and of Ozone, in families; what is none of these is "other".
FAMILIES: Final = (
    *("spam", "violation", "misleading", "sexual", "rude", "appeal", "childsafety"),
    *("harassment", "rule", "selfharm", "violence"),
)


# Kinds of records that have a word of their own.
KINDS: Final[Mapping[str, str]] = {
    "app.bsky.feed.post": "post",
    "app.bsky.actor.profile": "profile",
    "app.bsky.graph.list": "list",
    "app.bsky.feed.generator": "feed",
    "app.bsky.graph.starterpack": "pack",
}
# Where a web client shows these: below the profile.
_PLACES: Final = {"post": "post/", "list": "lists/", "feed": "feed/"}


class Gone(LookupError):
    """What was to be acted on is not there any more."""


@dataclass(frozen=True)
class Picture:
    """A blob of a record."""

    cid: str
    alt: str


@dataclass(frozen=True)
class Case:
    """A report as the page shows it; `uri` is empty where a whole account is reported.

    `kind` is what the record is, of those in KINDS, else empty. `link`: where the web client shows
    it, if there is one. `labels`: what this network says of it already.
    """

    id: int
    reporter: str
    reason: str
    words: str
    did: str
    uri: str
    created_at: str
    closed_at: str
    note: str
    text: str = ""
    kind: str = ""
    written_at: str = ""
    link: str = ""
    labels: Sequence[str] = ()
    is_here: bool = False
    is_down: bool = False
    pictures: Sequence[Picture] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class Reports:
    """See reports, act on what they are about, and close them."""

    def __init__(self, roles: Roles, labels: Labels, client_url: str = "") -> None:
        """`client_url` is where this network's own web client is; empty where it has none."""
        self._pds = roles.pds
        self._small_file = roles.small_file
        self._labels = labels
        self._client_url = client_url

    async def page(self, cursor: str | None, *, only_open: bool) -> tuple[list[Case], str | None]:
        """List reports, the newest first, with what they are about; the cursor of what follows."""
        found: Any = await self._pds.query(
            f"{PDS}.listReports", limit=PAGE, cursor=cursor, onlyOpen=only_open
        )
        cases = await asyncio.gather(*(self._case(one) for one in found["reports"]))
        return list(cases), found.get("cursor")

    async def count_open(self) -> int:
        """How many wait for the owner."""
        found: Any = await self._pds.query(f"{PDS}.listReports", limit=1)
        return int(found["open"])

    async def muted(self) -> list[str]:
        """Those whose reports are not listened to."""
        found: Any = await self._pds.query(f"{PDS}.listMutedReporters")
        return list(found["dids"])

    async def close(self, number: int, note: str) -> None:
        await self._pds.call(f"{PDS}.closeReport", id=number, note=note)

    async def mute(self, did: str, *, muted: bool) -> None:
        await self._pds.call(f"{PDS}.muteReporter", did=did, muted=muted)

    async def take_down_record(self, uri: str, cid: str, reason: str, *, applied: bool) -> None:
        """Hide a record, or show it again. Raises Gone."""
        await self._take_down({"$type": _RECORD, "uri": uri, "cid": cid}, reason, applied)

    async def take_down_blob(self, did: str, cid: str, reason: str, *, applied: bool) -> None:
        """Withhold a picture, or serve it again. Raises Gone."""
        await self._take_down({"$type": _BLOB, "did": did, "cid": cid}, reason, applied)

    async def take_down_account(self, did: str, reason: str) -> None:
        """Hide an account and all it wrote. Raises Gone."""
        await self._take_down({"$type": _REPO, "did": did}, reason, True)

    async def _take_down(self, subject: dict[str, str], reason: str, applied: bool) -> None:
        takedown: dict[str, Any] = {"applied": applied}
        if applied and reason:
            takedown["ref"] = reason
        try:
            await self._pds.call(
                "com.atproto.admin.updateSubjectStatus", subject=subject, takedown=takedown
            )
        except UpstreamFailure:
            raise
        except XrpcError as refused:
            raise Gone(refused.message) from refused

    async def _case(self, told: Mapping[str, Any]) -> Case:
        subject = told["subject"]
        uri = str(subject.get("uri", ""))
        did = str(subject.get("did") or uri.removeprefix("at://").partition("/")[0])
        kind = KINDS.get(uri.partition(did)[2].strip("/").partition("/")[0], "")
        common = {
            "kind": kind,
            "link": self._link(did, uri, kind),
            "labels": await self._labels.on(uri or did),
            "id": told["id"],
            "reporter": told["reportedBy"],
            "reason": _family(str(told["reasonType"])),
            "words": told.get("reason", ""),
            "did": did,
            "uri": uri,
            "created_at": told["createdAt"],
            "closed_at": told.get("closedAt", ""),
            "note": told.get("note", ""),
        }
        about = {"uri": uri} if uri else {"did": did}
        status = await self._ask("com.atproto.admin.getSubjectStatus", **about)
        if status is None:
            return Case(**common)
        is_down = bool(status.get("takedown", {}).get("applied"))
        cid = str(status["subject"].get("cid", ""))
        value = await self._record(uri, cid) if uri else {}
        return Case(
            **common,
            text=str(value.get("text") or value.get("description") or value.get("name") or ""),
            written_at=_time(value.get("createdAt")),
            is_here=True,
            is_down=is_down,
            pictures=tuple(_pictures(value)),
            facts={"cid": cid},
        )

    def _link(self, did: str, uri: str, kind: str) -> str:
        """Where the web client shows it; empty where it cannot."""
        if not self._client_url or (uri and kind not in (*_PLACES, "profile")):
            return ""
        profile = f"{self._client_url}/profile/{did}"
        place = _PLACES.get(kind)
        return profile if place is None else f"{profile}/{place}{uri.rpartition('/')[2]}"

    async def _record(self, uri: str, cid: str) -> Mapping[str, Any]:
        try:
            parsed = AtUri(uri)
        except InvalidSyntax:
            return {}
        found = await self._ask(
            "com.atproto.repo.getRecord",
            repo=parsed.authority,
            collection=parsed.collection,
            rkey=parsed.rkey,
        )
        value: Mapping[str, Any] = found["value"] if found else await self._hidden(parsed, cid)
        return value

    async def _hidden(self, uri: AtUri, cid: str) -> Any:
        """Read what nobody else is shown: it was taken down, or its account was.

        The operator gets it with its proof.
        """
        place = {"did": uri.authority, "collection": uri.collection or "", "rkey": uri.rkey or ""}
        try:
            proof = read_car(await self._small_file("com.atproto.sync.getRecord", **place))
            return record_json(proof.blocks[Cid.parse(cid)])
        except (UpstreamFailure, KeyError, ValueError):
            return {}

    async def _ask(self, nsid: str, **params: Any) -> dict[str, Any] | None:
        """Ask a query; None when the PDS knows nothing of what it is about."""
        try:
            found: Any = await self._pds.query(nsid, **params)
        except UpstreamFailure:
            raise
        except XrpcError:
            return None
        return found if isinstance(found, dict) else None


def _pictures(value: Any, alt: str = "", depth: int = 0) -> Iterator[Picture]:
    """Find the blobs that a record names."""
    if depth > 8:
        return
    if isinstance(value, list):
        for inner in value:
            yield from _pictures(inner, alt, depth + 1)
    elif isinstance(value, dict):
        if value.get("$type") == "blob" and isinstance(value.get("ref"), dict):
            yield Picture(str(value["ref"].get("$link", "")), alt)
            return
        words = value.get("alt")
        for inner in value.values():
            yield from _pictures(inner, words if isinstance(words, str) else alt, depth + 1)


def _time(claimed: Any) -> str:
    """What a record says of when it was written, if that is a time."""
    try:
        return str(Datetime(claimed)) if isinstance(claimed, str) else ""
    except InvalidSyntax:
        return ""


def _family(reason_type: str) -> str:
    """Name the family of a reason: ".. #reasonSexualDeepfake" is "sexual"."""
    name = reason_type.rpartition("#")[2].removeprefix("reason").lower()
    return next((family for family in FAMILIES if name.startswith(family)), "other")

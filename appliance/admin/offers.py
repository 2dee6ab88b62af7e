"""What this network offers to everybody: feeds by rules, and labels with what they mean."""

from collections.abc import Mapping
from typing import Any, Final

from appliance.admin.clients import RoleClient
from appliance.admin.people import Page
from appliance.atproto.xrpc.errors import UpstreamFailure, XrpcError

FEEDS: Final = "internal.hearth.feeds"
LABELER: Final = "internal.hearth.labeler"
PAGE: Final = 50


class Refused(ValueError):
    """What was asked for makes no sense to the role; the text says why."""


class Feeds:
    """The feeds that this network makes by rules, over the AppView."""

    def __init__(self, appview: RoleClient) -> None:
        self._appview = appview

    async def all(self) -> tuple[str, list[Mapping[str, Any]]]:
        """Give the DID that offers them, empty before there is one, and their rules."""
        found: Any = await self._appview.query(f"{FEEDS}.listFeeds")
        return str(found.get("did", "")), list(found["feeds"])

    async def put(self, feed: Mapping[str, Any]) -> None:
        """Offer a feed, or one that is there by another rule. Raises Refused."""
        await _do(self._appview, f"{FEEDS}.putFeed", feed=dict(feed))

    async def remove(self, name: str) -> None:
        """Raises Refused."""
        await _do(self._appview, f"{FEEDS}.deleteFeed", name=name)


class Labels:
    """What is said of accounts and records in the network's name, over the labeler."""

    def __init__(self, labeler: RoleClient) -> None:
        self._labeler = labeler

    async def kinds(self) -> tuple[list[str], list[Mapping[str, Any]]]:
        """Give the values labels may have, and the definitions of the network's own."""
        found: Any = await self._labeler.query(f"{LABELER}.getLabeler")
        return list(found["labelValues"]), list(found["definitions"])

    async def define(self, definition: Mapping[str, Any]) -> None:
        """Raises Refused."""
        await _do(self._labeler, f"{LABELER}.putDefinition", definition=dict(definition))

    async def forget(self, identifier: str) -> None:
        """Raises Refused."""
        await _do(self._labeler, f"{LABELER}.deleteDefinition", identifier=identifier)

    async def standing(self, cursor: str | None) -> Page:
        """The labels that stand, the newest first."""
        found: Any = await self._labeler.query(f"{LABELER}.listLabels", limit=PAGE, cursor=cursor)
        return Page(found["labels"], found.get("cursor"))

    async def on(self, uri: str) -> list[str]:
        """What is said of an account or a record; nothing where the labeler does not answer."""
        try:
            found: Any = await self._labeler.query(f"{LABELER}.listLabels", uri=uri)
        except XrpcError:
            return []
        return sorted({one["val"] for one in found["labels"]})

    async def put(self, uri: str, value: str) -> None:
        """Label an account (a DID) or a record (an at:// address). Raises Refused."""
        await _do(self._labeler, f"{LABELER}.putLabel", uri=uri, val=value)

    async def negate(self, uri: str, value: str) -> None:
        """Raises Refused."""
        await _do(self._labeler, f"{LABELER}.negateLabel", uri=uri, val=value)


async def _do(role: RoleClient, method: str, **fields: Any) -> None:
    try:
        await role.call(method, **fields)
    except UpstreamFailure:
        raise
    except XrpcError as refused:
        raise Refused(refused.message or refused.name) from refused

"""A network with an account of its own: its labels, by command, as everybody sees them."""

from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.journeys.test_command_line import said
from tests.support.appliance import Appliance
from tests.support.client import Member, Operator, join, soon


@pytest.fixture(scope="module")
def served() -> Iterator[Appliance]:
    """A network with all its services."""
    appliance = Appliance(bare=False)
    yield appliance
    appliance.finish()


@pytest.fixture
async def ann(served: Appliance, http: aiohttp.ClientSession) -> Member:
    return await join(http, served.pds, "ann")


@pytest.fixture
async def own(served: Appliance, http: aiohttp.ClientSession) -> str:
    """Wait until the network has its account; give its DID."""
    labeler = Operator(http, served.labeler, served.operator_token)

    async def look() -> Any:
        return await labeler.get("internal.hearth.labeler.getLabeler")

    return str((await soon(look, lambda found: "did" in found))["did"])


async def test_a_label_put_by_command_is_seen_by_members_at_once_and_gone_when_taken_back(
    served: Appliance, http: aiohttp.ClientSession, ann: Member, own: str
) -> None:
    post = await ann.write_post("buy my thing")
    shown = f"{post.uri} is labelled spam by {own}\n"
    assert said(served, "label", "add", post.uri, "spam") == shown
    wanted = {"atproto-accept-labelers": f"{own};redact"}

    async def values(headers: dict[str, str] | None) -> list[str]:
        path = "/xrpc/app.bsky.feed.getPosts"
        answer = await ann.raw("GET", path, headers=headers, params={"uris": [post.uri]})
        if answer.headers.get("atproto-content-labelers") != wanted["atproto-accept-labelers"]:
            return ["not yet"]
        return [label["val"] for one in answer.json["posts"] for label in one["labels"]]

    async def both() -> tuple[list[str], list[str]]:
        return await values(wanted), await values(None)

    await soon(both, lambda seen: seen == (["spam"], ["spam"]))
    assert "spam" in said(served, "label", "list", post.uri)
    said(served, "label", "remove", post.uri, "spam")

    await soon(both, lambda seen: seen == ([], []))


async def test_who_is_labelled_takedown_is_gone_for_those_who_trust_the_labeler_so_far(
    served: Appliance, http: aiohttp.ClientSession, ann: Member, own: str
) -> None:
    bob = await join(http, served.pds, "bob")
    said(served, "label", "add", bob.handle, "!takedown")
    path, params = "/xrpc/app.bsky.actor.getProfiles", {"actors": [bob.did]}

    async def seen(header: str) -> int:
        headers = {"atproto-accept-labelers": header}
        answer = await ann.raw("GET", path, headers=headers, params=params)
        return len(answer.json["profiles"])

    await soon(lambda: seen(f"{own};redact"), lambda count: count == 0)
    assert await seen(own) == 1
    said(served, "label", "remove", f"at://{bob.did}".removeprefix("at://"), "!takedown")


async def test_a_kind_of_label_of_ones_own_is_in_the_labelers_view(
    served: Appliance, http: aiohttp.ClientSession, ann: Member, own: str
) -> None:
    said(served, "label", "define", "spoiler", "Spoiler", "Tells how a story ends.")

    async def told() -> Any:
        return await ann.get("app.bsky.labeler.getServices", dids=[own], detailed=True)

    await soon(told, lambda answer: "spoiler" in str(answer["views"]))
    assert "spoiler              Spoiler" in said(served, "label", "kinds")


async def test_a_report_to_the_labeler_reaches_the_operator(
    served: Appliance, http: aiohttp.ClientSession, ann: Member, own: str
) -> None:
    answer = await ann.raw(
        "POST",
        "/xrpc/com.atproto.moderation.createReport",
        body=b'{"reasonType":"com.atproto.moderation.defs#reasonSpam","subject":'
        b'{"$type":"com.atproto.admin.defs#repoRef","did":"%s"}}' % ann.did.encode(),
        headers={
            "atproto-proxy": f"{own}#atproto_labeler",
            "Content-Type": "application/json",
        },
    )
    assert answer.status == 200, answer.body
    operator = Operator(http, served.pds, served.operator_token)
    reports = (await operator.get("internal.hearth.pds.listReports"))["reports"]
    assert ann.did in [one["reportedBy"] for one in reports]

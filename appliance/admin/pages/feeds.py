"""Feeds by rules, and what new members have from the start."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from appliance.admin.offers import Refused
from appliance.admin.visit import Visit
from appliance.atproto.syntax import Did, InvalidSyntax
from appliance.settings import InvalidSettings

KINDS: Final = ("everyone", "photos", "friends", "hashtags", "words")
_COLLECTION: Final = "app.bsky.feed.generator"


async def show(visit: Visit) -> web.Response:
    return await _page(visit, {})


async def save(visit: Visit) -> web.Response:
    """Offer a feed by the rule that was filled in."""
    rule = _rule(visit)
    try:
        await visit.panel.feeds.put(rule)
    except Refused as refused:
        return await _page(visit, rule, error=str(refused))
    return visit.go("/feeds?done=saved")


async def remove(visit: Visit) -> web.Response:
    try:
        await visit.panel.feeds.remove(visit.text("name"))
    except Refused as refused:
        return await _page(visit, {}, error=str(refused))
    return visit.go("/feeds?done=removed")


async def save_usual(visit: Visit) -> web.Response:
    """Choose what members have who have chosen nothing yet."""
    did, feeds = await visit.panel.feeds.all()
    chosen = [f"at://{did}/{_COLLECTION}/{one['name']}" for one in feeds if _is_ticked(visit, one)]
    own = [
        uri for uri in visit.panel.desk.stored.pds.usual_feeds if not uri.startswith(f"at://{did}/")
    ]
    labelers = visit.long_text("labelers").split()
    values = {"pds.usual_feeds": (*chosen, *own), "pds.usual_labelers": tuple(labelers)}
    try:
        for each in labelers:
            Did(each)
        changed = await visit.panel.desk.change(values)
    except (InvalidSyntax, InvalidSettings):
        error = visit.words("ward.unfit_labelers")
        return await _page(visit, {}, labelers=labelers, labelers_error=error)
    if not changed:
        return visit.go("/feeds?done=usual")
    await visit.panel.acts.note("panel.changeSettings", values)
    return visit.go_anew("/feeds?done=usual")


def _is_ticked(visit: Visit, feed: Mapping[str, Any]) -> bool:
    return visit.text(f"usual-{feed['name']}") == "yes"


def _rule(visit: Visit) -> dict[str, Any]:
    """Read the form; what is empty is left out."""
    numbers = {name: visit.text(name) for name in ("minLikes", "maxAgeHours")}
    given: dict[str, Any] = {
        "name": visit.text("name").lower(),
        "title": visit.text("title"),
        "description": visit.text("description"),
        "kind": visit.text("kind"),
        "words": [line.strip() for line in visit.long_text("words").splitlines() if line.strip()],
        "languages": visit.text("languages").replace(",", " ").split(),
        "scope": visit.text("scope"),
        "mediaOnly": visit.text("mediaOnly") == "yes",
        "withReplies": visit.text("withReplies") == "yes",
        **{name: int(text) for name, text in numbers.items() if text.isdecimal() and len(text) < 9},
    }
    return {name: value for name, value in given.items() if value not in ("", [], 0, False)}


async def _page(
    visit: Visit,
    filled: Mapping[str, Any],
    *,
    error: str = "",
    labelers: list[str] | None = None,
    labelers_error: str = "",
) -> web.Response:
    did, feeds = await visit.panel.feeds.all()
    stored = visit.panel.desk.stored.pds
    wanted = visit.query("edit")
    editing = next((one for one in feeds if one["name"] == wanted), {})
    return visit.page(
        "feeds",
        status=422 if error or labelers_error else 200,
        feeds=feeds,
        usual={
            uri.rpartition("/")[2] for uri in stored.usual_feeds if uri.startswith(f"at://{did}/")
        },
        filled=filled or editing,
        editing=editing,
        kinds=KINDS,
        error=error,
        labelers=stored.usual_labelers if labelers is None else labelers,
        labelers_error=labelers_error,
        at_once=visit.panel.anew.is_possible,
        done=visit.query("done") if visit.query("done") in ("saved", "removed", "usual") else "",
    )

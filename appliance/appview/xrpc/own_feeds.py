"""The feeds that rules of this network make, read for a caller."""

from appliance.appview.feeds.rules import FeedRule
from appliance.appview.role import AppView
from appliance.appview.skeletons.feeds import FeedPost, Reading, rule_feed
from appliance.appview.skeletons.search import SearchTooSlow
from appliance.appview.skeletons.slices import NEWEST, Position, Slice
from appliance.atproto.syntax import AtUri


async def part(
    appview: AppView, rule: FeedRule, reader: int | None, before: Position, limit: int
) -> Slice[FeedPost]:
    """Read a part of a feed, without what our operator took down. Raises SearchTooSlow."""
    reading = Reading(reader, appview.home_pds, appview.clock.now_us())
    found = await rule_feed(appview.index, rule, reading, before, limit)
    removed = appview.takedowns.subjects
    kept = [
        post
        for post in found.rows
        if post.uri not in removed and AtUri.unchecked(post.uri).authority not in removed
    ]
    return Slice(kept, found.after)


async def is_bare(appview: AppView, uri: str, reader: int | None) -> bool:
    """Say whether a feed of ours holds nothing for a reader; of others it is not known."""
    rule = appview.feeds.rule(uri)
    if rule is None:
        return False
    try:
        found = await part(appview, rule, reader, NEWEST, 1)
    except SearchTooSlow:
        return False
    return not found.rows and found.after is None

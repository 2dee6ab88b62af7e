"""internal.hearth.feeds.*: the feeds that this network offers."""

from appliance.appview.feeds.rules import FeedRule
from appliance.appview.feeds.store import FeedNotFound
from appliance.appview.role import AppView
from appliance.atproto.syntax import Json, JsonObject
from appliance.atproto.xrpc.methods import MethodTable
from appliance.upkeep.operator_access import operator

methods: MethodTable[AppView] = MethodTable()


@methods.procedure("internal.hearth.feeds.putFeed", auth=operator)
async def put_feed(appview: AppView, caller: None, *, feed: JsonObject) -> Json:
    """Offer a feed, or change one."""
    rule = FeedRule.parse(feed)
    await appview.feed_store.put(rule)
    return {"uri": await appview.feeds.publish(rule)}


@methods.procedure("internal.hearth.feeds.deleteFeed", auth=operator)
async def delete_feed(appview: AppView, caller: None, *, name: str) -> None:
    if appview.feed_store.get(name) is None:
        raise FeedNotFound(f"no feed is called {name}")
    await appview.feeds.withdraw(name)
    await appview.feed_store.delete(name)


@methods.query("internal.hearth.feeds.listFeeds", auth=operator)
async def list_feeds(appview: AppView, caller: None) -> Json:
    shown: JsonObject = {"feeds": [rule.as_json() for rule in appview.feed_store.rules]}
    return shown if appview.feeds.did is None else {**shown, "did": appview.feeds.did}

"""`hearth feed`: the feeds that this network offers, in words."""

import argparse
from typing import Any, Final

from appliance.operator import Operator, Say

OWN: Final = "internal.hearth.feeds"


async def show(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """List the feeds with their rules."""
    for feed in (await operator.query(f"{OWN}.listFeeds"))["feeds"]:
        say(f"{feed['name']:16} {feed['title']:26} {'; '.join(_rule(feed))}")


async def put(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Offer a feed, or one that is there by another rule."""
    given = {
        "name": args.name,
        "title": args.title,
        "kind": args.kind,
        "description": args.description,
        "words": args.word,
        "languages": args.language,
        "scope": args.scope,
        "mediaOnly": args.media,
        "withReplies": args.replies,
        "minLikes": args.likes,
        "maxAgeHours": args.hours,
    }
    feed = {name: value for name, value in given.items() if value not in (None, [], False, "")}
    done = await operator.call(f"{OWN}.putFeed", feed=feed)
    say(f"{args.title} is offered as {done['uri']}")


async def remove(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Offer a feed no longer."""
    await operator.call(f"{OWN}.deleteFeed", name=args.name)
    say(f"{args.name} is no longer offered")


ACTIONS: Final = {"list": show, "add": put, "remove": remove}


def _rule(feed: dict[str, Any]) -> list[str]:
    """Say what a feed holds."""
    marks = ((feed["mediaOnly"], "with media"), (feed["withReplies"], "with replies"))
    return [
        feed["kind"],
        *(", ".join(feed[part]) for part in ("words", "languages") if feed[part]),
        "members only" if feed["scope"] == "here" else "everybody",
        *(text for is_so, text in marks if is_so),
        *([f"at least {feed['minLikes']} likes"] if feed["minLikes"] else ()),
        *([f"of the last {feed['maxAgeHours']} hours"] if "maxAgeHours" in feed else ()),
    ]

"""Where our AppView answers otherwise than the reference, and why it stays so."""

from fnmatch import fnmatchcase
from typing import Final

from tests.interop.differential import Pair
from tests.interop.kept_row import Kept

OK: Final = "200"


def _stays(why: str, parts: tuple[str, ...], *where: str) -> Kept:
    return Kept(why, OK, OK, where or ("*",), parts)


# Of one answer several may hold: the parts that any of them names are explained.
KEPT: Final = (
    _stays("The last page has no cursor: clients go on asking while there is one", ("*.cursor",)),
    _stays(
        "Places in an op's thread and known likers came into the lexicon after this reference",
        ("*.opThreadPostIndex", "*.opThreadPostCount", "*.viewer.knownLikers"),
    ),
    _stays(
        "A reply that claims another root than its parent's stands alone: the parent does not"
        " count it, since no thread shows it",
        ("*.replyCount",),
    ),
    _stays(
        "As it stands alone, it shows no thread above it, and begins one of its own",
        ("*.reply", "*.opThread"),
    ),
    _stays(
        "And it tells nobody above",
        ("*.notifications", "*.count"),
        "app.bsky.notification.*: *",
    ),
    _stays("A quote that its postgate forbids is not counted", ("*.quoteCount",)),
    _stays(
        "Known followers are asked for one profile at a time, which is all that clients do: for 25"
        " the time would not be bounded",
        ("*.profiles.*.knownFollowers",),
        "app.bsky.actor.getProfiles: *",
    ),
    _stays(
        "Known followers come by the viewer's newest follow; the reference has no order",
        ("*.knownFollowers.followers*",),
    ),
    _stays(
        "The same order in their list",
        ("*.followers.*",),
        "app.bsky.graph.getKnownFollowers: *",
    ),
    _stays(
        "Names are found by their words and beginnings, in any case; the reference's own search,"
        " meant for tests, measures how alike letters are",
        ("*.actors",),
        "app.bsky.actor.searchActors*",
    ),
    _stays(
        "Of a starter pack's people those a block hides are not shown",
        ("*.listItemsSample",),
        "app.bsky.graph.getStarterPack: *",
    ),
    _stays(
        "Known followers are counted without those a block hides, and none across a block",
        ("*.knownFollowers.count", "*.viewer.knownFollowers"),
        "app.bsky.actor.getProfile: *",
    ),
    _stays(
        "Who never looked at notifications has seen none",
        ("*.seenAt", "*.isRead", "*.count"),
        "app.bsky.notification.*: *",
    ),
    _stays(
        "A page is filled up after blocks and mutes have thinned it out",
        ("*.feed",),
        "*: timeline: page of *",
    ),
    _stays(
        "Replies may be an empty list: there are none to be shown",
        ("*.replies",),
        "app.bsky.feed.getPostThread: tree: kept_out",
    ),
    _stays(
        "That its author is muted is said of the anchor as of any other post",
        ("*.mutedByViewer",),
    ),
)


def reasons(pair: Pair) -> list[Kept]:
    """Give those that explain some of what differs in a pair of answers."""
    shorts = (pair.ours.short, pair.theirs.short)
    return [
        kept
        for kept in KEPT
        if (kept.ours, kept.theirs) == shorts
        and any(fnmatchcase(pair.name, pattern) for pattern in kept.where)
        and (not kept.parts or any(_names(kept, part) for part in pair.differences))
    ]


def unexplained(pair: Pair) -> list[str]:
    """Name the parts of a pair of answers for whose difference nothing here is the reason."""
    found = reasons(pair)
    if pair.ours.short != pair.theirs.short:
        return [] if found else ["status"]
    return [part for part in pair.differences if not any(_names(kept, part) for kept in found)]


def _names(kept: Kept, part: str) -> bool:
    return any(fnmatchcase(part, pattern) for pattern in kept.parts)

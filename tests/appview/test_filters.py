"""What blocks and mutes hide, rule by rule."""

import pytest

from appliance.appview.filters import in_author_feed, in_feed, in_timeline
from appliance.appview.hydrate.hydration import Audience, Hydration, Viewer
from appliance.appview.hydrate.rows import FeedItem, Relation, RepostRow, SubjectRow
from appliance.appview.media import MediaUrls
from appliance.atproto.syntax import Did

AUTHOR, REPOSTER, POST, REPOST = 1, 2, 10, 11
OWN = FeedItem(5, POST, AUTHOR, POST)
REPOSTED = FeedItem(6, REPOST, REPOSTER, POST)


def seen(**relations: Relation) -> Hydration:
    """Make a hydration of one post and its repost with relations to author and reposter."""
    viewer = Viewer(Did.unchecked("did:plc:me"), 9)
    h = Hydration(Audience(viewer), MediaUrls("http://localhost"), 0)
    h.subjects[POST] = SubjectRow(POST, "at://did:plc:a/app.bsky.feed.post/1", AUTHOR, 0)
    h.reposts[REPOST] = RepostRow(REPOST, "at://did:plc:b/app.bsky.feed.repost/1", "", REPOSTER, 0)
    names = {"author": AUTHOR, "reposter": REPOSTER}
    h.relations.update({names[name]: relation for name, relation in relations.items()})
    return h


@pytest.mark.parametrize(
    "hiding",
    [
        Relation(blocking="r"),
        Relation(blocked_by="r"),
        Relation(blocking_by_list=3),
        Relation(blocked_by_list=3),
        Relation(muted=True),
        Relation(muted_by_list=3),
    ],
)
def test_blocks_and_mutes_of_author_or_reposter_hide_from_feeds(hiding: Relation) -> None:
    assert not in_feed(seen(author=hiding), OWN)
    assert not in_feed(seen(author=hiding), REPOSTED)
    assert not in_feed(seen(reposter=hiding), REPOSTED)
    assert in_feed(seen(reposter=hiding), OWN)
    assert not in_timeline(seen(author=hiding), OWN)


def test_nobody_is_hidden_without_a_reason() -> None:
    following = Relation(following="r", followed_by="r", muted_only_quoteposts=True)
    assert in_feed(seen(author=following), OWN)
    assert in_feed(seen(), REPOSTED)


def test_a_profile_shows_its_muted_owner_but_not_reposts_of_the_muted() -> None:
    muted = Relation(muted=True)
    assert in_author_feed(seen(author=muted), OWN)
    assert not in_author_feed(seen(author=muted), REPOSTED)
    assert in_author_feed(seen(reposter=muted), REPOSTED)
    assert not in_author_feed(seen(author=Relation(blocked_by="r")), REPOSTED)

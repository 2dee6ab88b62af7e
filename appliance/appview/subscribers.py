"""Tell those who asked to hear of an account's posts, once these are indexed."""

from collections.abc import Callable, Iterable

from appliance.appview.notifications import tell_subscribers
from appliance.appview.records import RecordRef
from appliance.appview.viewer_state import Subscription, ViewerState
from appliance.base.database import Database


class Subscribers:
    """Whom new posts are told; which subscriptions there are, only we know."""

    def __init__(self, db: Database, viewers: ViewerState, now_us: Callable[[], int]) -> None:
        self._db = db
        self._viewers = viewers
        self._now_us = now_us

    async def tell(self, posts: Iterable[RecordRef]) -> None:
        """Tell of posts that have just been indexed."""
        known: dict[str, list[Subscription]] = {}
        for post in posts:
            # A batch may bring thousands of posts, of few accounts.
            if post.did not in known:
                known[post.did] = self._viewers.subscribers(post.did)
            if known[post.did]:
                await self._db.write(tell_subscribers, post, known[post.did], self._now_us())

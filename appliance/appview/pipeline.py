"""Skeleton -> hydrate -> filter -> view, a page at a time."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

from appliance.appview.filters import in_feed
from appliance.appview.hydrate.hydration import Audience, Hydration
from appliance.appview.hydrate.hydrator import Hydrator
from appliance.appview.hydrate.rows import FeedItem
from appliance.appview.skeletons.slices import (
    Entry,
    Position,
    Slice,
    format_cursor,
    parse_cursor,
)
from appliance.appview.viewer_state import ViewerState
from appliance.appview.views import actors, lists, packs, posts
from appliance.appview.views.weights import MOST_BYTES, fitting
from appliance.atproto.syntax import Json, JsonObject
from appliance.base.database import Database

T = TypeVar("T", bound=tuple[Any, ...])
Fetch: TypeAlias = Callable[[Position, int], Slice[T]]
FetchLater: TypeAlias = Callable[[Position, int], Awaitable[Slice[T]]]
Keep: TypeAlias = Callable[[Hydration, FeedItem], bool]

# How often a page that filters thinned out is filled up.
ROUNDS = 5


class Pipeline:
    """Turn skeletons into answers. Holds the databases that handlers read from."""

    def __init__(self, index: Database, viewers: ViewerState, hydrator: Hydrator) -> None:
        self.index = index
        self.viewers = viewers
        self.hydrate = hydrator

    async def feed(
        self,
        audience: Audience,
        fetch: FetchLater[FeedItem],
        limit: int,
        cursor: str | None,
        keep: Keep = in_feed,
    ) -> JsonObject:
        """Answer with `feed` (feedViewPost)."""
        shown, after = await self.page(
            fetch, lambda items: self.feed_items(audience, items, keep), limit, cursor
        )
        return answer("feed", shown, after)

    def feed_items(
        self, audience: Audience, items: Sequence[FeedItem], keep: Keep
    ) -> list[JsonObject | None]:
        """Make feedViewPosts; None for those that are hidden."""
        h = self.hydrate.feed(
            audience,
            [item.post_id for item in items],
            [item.repost_id for item in items if item.repost_id is not None],
        )
        return [posts.feed_item(h, item) if keep(h, item) else None for item in items]

    async def profiles(
        self, audience: Audience, fetch: Fetch[Entry], name: str, limit: int, cursor: str | None
    ) -> JsonObject:
        """Answer with a list of profileViews, without those a block stands between."""
        return await self.listed(name, fetch, partial(self.profile_views, audience), limit, cursor)

    def profile_views(
        self, audience: Audience, ids: Sequence[int], *, with_blocked: bool = False
    ) -> list[JsonObject | None]:
        """Make profileViews; None for hidden accounts."""
        h = self.hydrate.actors(audience, ids)
        return [
            actors.profile(h, actor) if with_blocked or not h.is_blocked(actor) else None
            for actor in ids
        ]

    def post_views(
        self, audience: Audience, ids: Sequence[int], *, with_blocked: bool = False
    ) -> list[JsonObject | None]:
        """Make postViews; None for hidden posts."""
        h = self.hydrate.posts(audience, ids, chains=False)
        found: list[JsonObject | None] = []
        for post_id in ids:
            owner = h.owner(post_id)
            hidden = owner is None or (h.is_blocked(owner) and not with_blocked)
            found.append(None if hidden else posts.post(h, post_id))
        return found

    def starter_pack_views(self, audience: Audience, ids: Sequence[int]) -> list[JsonObject | None]:
        """Make starterPackViews; None for hidden starter packs."""
        h = self.hydrate.starter_packs(audience, ids)
        return [packs.full(h, pack_id) for pack_id in ids]

    def list_views(self, audience: Audience, ids: Sequence[int]) -> list[JsonObject | None]:
        """Make listViews; None for hidden lists."""
        h = self.hydrate.collections(audience, ids)
        return [lists.full(h, list_id) for list_id in ids]

    def generator_views(self, audience: Audience, ids: Sequence[int]) -> list[JsonObject | None]:
        """Make generatorViews; None for hidden feed generators."""
        h = self.hydrate.collections(audience, ids)
        return [lists.generator(h, generator_id) for generator_id in ids]

    async def listed(
        self,
        name: str,
        fetch: Fetch[Entry],
        show: Callable[[Sequence[int]], Sequence[Json | None]],
        limit: int,
        cursor: str | None,
    ) -> JsonObject:
        """Answer with a list of whatever `show` makes of ids; None stands for what is hidden."""
        shown, after = await self.page(
            at_once(fetch), lambda rows: show([row.id for row in rows]), limit, cursor
        )
        return answer(name, shown, after)

    async def page(
        self,
        fetch: FetchLater[T],
        show: Callable[[list[T]], Sequence[Json | None]],
        limit: int,
        cursor: str | None,
    ) -> tuple[list[Json], str | None]:
        """Fill a page with what is not hidden; give the cursor of the next, None at the end.

        A page of very large records ends early. Raises InvalidCursor.
        """
        before = parse_cursor(cursor)
        shown: list[Json] = []
        room = MOST_BYTES
        for _ in range(ROUNDS):
            part = await fetch(before, limit - len(shown))
            views = show(part.rows) if part.rows else ()
            count, weight = fitting(views, room)
            is_full = count < len(views)
            if is_full:
                if count == 0 and shown:
                    break
                whole, part = part, await fetch(before, max(count, 1))
                if part.rows == whole.rows[: len(part.rows)]:
                    views = views[: len(part.rows)]
                else:
                    views = show(part.rows) if part.rows else ()
            shown += [view for view in views if view is not None]
            if part.after is None:
                return shown, None
            before = part.after
            room -= weight
            if is_full or len(shown) >= limit:
                break
        return shown, format_cursor(before)


def at_once(fetch: Fetch[T]) -> FetchLater[T]:
    """Take a skeleton that is read inline for one that is waited for."""

    async def fetch_later(before: Position, limit: int) -> Slice[T]:
        return fetch(before, limit)

    return fetch_later


def answer(name: str, views: list[Json], cursor: str | None) -> JsonObject:
    """Make an answer of one list; the last page has no cursor."""
    return {name: views} if cursor is None else {name: views, "cursor": cursor}

"""What the methods that search posts share: from a query to a page of views."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from appliance.appview.hydrate import ids
from appliance.appview.hydrate.hydration import Audience
from appliance.appview.pipeline import answer
from appliance.appview.role import AppView
from appliance.appview.skeletons import search
from appliance.appview.skeletons.queries import BadQueryString, PostQuery, parse_time
from appliance.appview.skeletons.search import Actors
from appliance.atproto.syntax import InvalidSyntax, JsonObject, parse_at_identifier


async def found_posts(
    appview: AppView,
    audience: Audience,
    query: PostQuery,
    sort: str,
    place: tuple[int, str | None],
) -> JsonObject:
    """Search; place is (limit, cursor)."""
    pipeline = appview.pipeline
    named = Actors(audience.id, _actors(appview, _names(query)))
    order: Literal["top", "latest"] = "top" if sort == "top" else "latest"
    shown, after = await pipeline.page(
        lambda before, count: search.search_posts(
            pipeline.index, audience.caller, query, named, order, (before, count)
        ),
        lambda rows: pipeline.post_views(audience, [row.id for row in rows]),
        *place,
    )
    return answer("posts", shown, after)


def _names(query: PostQuery) -> list[str]:
    return [
        *query.authors,
        *query.mentions,
        *query.without_authors,
        *query.without_mentions,
    ]


def _actors(appview: AppView, names: Iterable[str]) -> dict[str, int]:
    """Find the accounts a query names. Raises BadQueryString."""
    found: dict[str, int] = {}
    for name in names:
        try:
            actor = parse_at_identifier(name)
        except InvalidSyntax as error:
            raise BadQueryString(str(error)) from error
        actor_id = ids.actor_id(appview.pipeline.index, actor)
        if actor_id is not None:
            found[name] = actor_id
    return found


@dataclass(frozen=True, slots=True)
class SimpleFilters:
    """The filters of searchPosts beside its text; what is None does not narrow."""

    author: str | None
    mentions: str | None
    lang: str | None
    domain: str | None
    url: str | None
    tags: Sequence[str] | None
    since: str | None
    until: str | None

    def narrow(self, query: PostQuery) -> None:
        """Add them to a query. Raises BadQueryString."""
        for given, values in (
            (self.author, query.authors),
            (self.mentions, query.mentions),
            (self.lang, query.langs),
            (self.domain, query.domains),
            (self.url, query.urls),
        ):
            if given is not None:
                values.append(given)
        query.tags += [value.removeprefix("#") for value in self.tags or ()]
        set_times(query, self.since, self.until)


def set_times(query: PostQuery, since: str | None, until: str | None) -> None:
    if since is not None:
        query.since_us = parse_time(since)
    if until is not None:
        query.until_us = parse_time(until)

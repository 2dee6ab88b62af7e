"""app.bsky.feed.*: search in posts."""

from appliance.appview.hydrate.hydration import Audience
from appliance.appview.role import AppView
from appliance.appview.skeletons.queries import parse_post_query
from appliance.appview.xrpc.auth import anyone
from appliance.appview.xrpc.searches import SimpleFilters, found_posts, set_times
from appliance.atproto.syntax import AtIdentifier, AtUri, Json
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.feed.searchPosts", auth=anyone)
async def search_posts(
    appview: AppView,
    audience: Audience,
    *,
    q: str,
    sort: str,
    since: str | None,
    until: str | None,
    mentions: AtIdentifier | None,
    author: AtIdentifier | None,
    lang: str | None,
    domain: str | None,
    url: str | None,
    tag: list[str] | None,
    limit: int,
    cursor: str | None,
) -> Json:
    query = parse_post_query(q, audience.caller)
    SimpleFilters(author, mentions, lang, domain, url, tag, since, until).narrow(query)
    return await found_posts(appview, audience, query, sort, (limit, cursor))


@methods.query("app.bsky.feed.searchPostsV2", auth=anyone)
async def search_posts_v2(
    appview: AppView,
    audience: Audience,
    *,
    cursor: str | None,
    limit: int,
    query: str | None,
    sort: str | None,
    authors: list[AtIdentifier] | None,
    mentions: list[AtIdentifier] | None,
    domains: list[str] | None,
    urls: list[str] | None,
    embedded_at_uris: list[AtUri] | None,
    hashtags: list[str] | None,
    exclude_authors: list[AtIdentifier] | None,
    exclude_mentions: list[AtIdentifier] | None,
    exclude_domains: list[str] | None,
    exclude_urls: list[str] | None,
    exclude_embedded_at_uris: list[AtUri] | None,
    exclude_hashtags: list[str] | None,
    since: str | None,
    until: str | None,
    all_time: bool | None,
    languages: list[str] | None,
    exclude_languages: list[str] | None,
    has_media: bool | None,
    has_video: bool | None,
    reply_parent_uri: AtUri | None,
    thread_root_uri: AtUri | None,
    exclude_replies: bool | None,
    replies_only: bool | None,
    following: bool | None,
    query_language: str | None,
) -> Json:
    """Search by structured filters. all_time: we have no other; query_language: taken as it is."""
    wanted = parse_post_query(query or "", audience.caller)
    for given, values in (
        (authors, wanted.authors),
        (mentions, wanted.mentions),
        (domains, wanted.domains),
        (urls, wanted.urls),
        (embedded_at_uris, wanted.embedded),
        (hashtags, wanted.tags),
        (exclude_authors, wanted.without_authors),
        (exclude_mentions, wanted.without_mentions),
        (exclude_domains, wanted.without_domains),
        (exclude_urls, wanted.without_urls),
        (exclude_embedded_at_uris, wanted.without_embedded),
        (exclude_hashtags, wanted.without_tags),
        (languages, wanted.langs),
        (exclude_languages, wanted.without_langs),
    ):
        values += [value.removeprefix("#") for value in given or ()]
    wanted.parent, wanted.root = reply_parent_uri, thread_root_uri
    wanted.has_media, wanted.has_video = bool(has_media), bool(has_video)
    wanted.is_followed = bool(following)
    if exclude_replies or replies_only:
        wanted.is_reply = bool(replies_only)
    set_times(wanted, since, until)
    return await found_posts(appview, audience, wanted, sort or "recent", (limit, cursor))

"""app.bsky.bookmark.*: what viewers saved; nobody else sees it."""

from appliance.appview.hydrate import ids
from appliance.appview.hydrate.hydration import SignedIn
from appliance.appview.role import AppView
from appliance.appview.views import posts
from appliance.appview.views.values import iso
from appliance.appview.views.weights import fitting
from appliance.appview.xrpc.auth import signed_in
from appliance.appview.xrpc.private_lists import format_private_cursor, parse_private_cursor
from appliance.atproto.cid import Cid
from appliance.atproto.syntax import AtUri, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

POST = "app.bsky.feed.post"

methods: MethodTable[AppView] = MethodTable()


@methods.procedure("app.bsky.bookmark.createBookmark", auth=signed_in)
async def create_bookmark(appview: AppView, viewer: SignedIn, *, uri: AtUri, cid: Cid) -> None:
    await appview.pipeline.viewers.bookmark(viewer.did, _post(appview, uri), str(cid))


@methods.procedure("app.bsky.bookmark.deleteBookmark", auth=signed_in)
async def delete_bookmark(appview: AppView, viewer: SignedIn, *, uri: AtUri) -> None:
    await appview.pipeline.viewers.remove_bookmark(viewer.did, _post(appview, uri))


@methods.query("app.bsky.bookmark.getBookmarks", auth=signed_in)
async def get_bookmarks(
    appview: AppView, viewer: SignedIn, *, limit: int, cursor: str | None
) -> Json:
    pipeline = appview.pipeline
    rows = pipeline.viewers.bookmarks_page(viewer.did, limit + 1, parse_private_cursor(cursor))
    page = rows[:limit]
    known = ids.subject_ids(pipeline.index, [uri for uri, _, _ in page])
    h = pipeline.hydrate.posts(viewer, known.values(), chains=False)
    views: list[JsonObject] = [
        {
            "subject": {"uri": uri, "cid": cid},
            "createdAt": iso(created_us),
            "item": posts.post_or_placeholder(h, known[uri])
            if uri in known
            else posts.not_found(uri),
        }
        for uri, cid, created_us in page
    ]
    count = max(1, fitting(views)[0])
    if len(rows) <= count:
        return {"bookmarks": views}
    uri, _, created_us = page[:count][-1]
    return {"bookmarks": views[:count], "cursor": format_private_cursor(created_us, uri)}


def _post(appview: AppView, uri: AtUri) -> AtUri:
    """Write the address of a post with its account's DID. Raises InvalidRequest."""
    if uri.collection != POST:
        raise InvalidRequest("Only posts can be bookmarked", "UnsupportedCollection")
    return ids.with_did(appview.pipeline.index, uri)

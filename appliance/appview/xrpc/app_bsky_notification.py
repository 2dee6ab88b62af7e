"""app.bsky.notification.*: what happened to the viewer's posts, and what they want to hear of."""

from collections.abc import Sequence
from typing import Final

from appliance.appview.filters import is_told
from appliance.appview.hydrate import ids
from appliance.appview.hydrate.hydration import Hydration, SignedIn
from appliance.appview.pipeline import at_once
from appliance.appview.role import AppView
from appliance.appview.skeletons import notifications
from appliance.appview.skeletons.notifications import Notification
from appliance.appview.views import notifications as views
from appliance.appview.views.values import iso
from appliance.appview.xrpc.auth import signed_in
from appliance.appview.xrpc.private_lists import private_page
from appliance.atproto.syntax import Datetime, Did, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

MOST_UNREAD: Final = 100
MOST_TOKEN_LETTERS: Final = 4096

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.notification.listNotifications", auth=signed_in)
async def list_notifications(
    appview: AppView,
    viewer: SignedIn,
    *,
    reasons: list[str] | None,
    limit: int,
    priority: bool | None,
    cursor: str | None,
    seen_at: Datetime | None,
) -> Json:
    pipeline = appview.pipeline
    _refuse_seen_at(seen_at)
    seen_us = pipeline.viewers.seen_us(viewer.did)
    only_follows = _priority(appview, viewer, priority)

    def show(rows: Sequence[Notification]) -> list[JsonObject | None]:
        h, told = _told(appview, viewer, rows, only_follows)
        return [views.notification(h, row, seen_us) for row in told]

    shown, after = await pipeline.page(
        at_once(
            lambda before, count: notifications.notifications(
                pipeline.index, viewer.id or 0, reasons or (), before, count
            )
        ),
        show,
        limit,
        cursor,
    )
    found: JsonObject = {"notifications": shown, "priority": only_follows}
    if seen_us:
        found["seenAt"] = iso(seen_us)
    if after is not None:
        found["cursor"] = after
    return found


@methods.query("app.bsky.notification.getUnreadCount", auth=signed_in)
async def get_unread_count(
    appview: AppView, viewer: SignedIn, *, priority: bool | None, seen_at: Datetime | None
) -> Json:
    """Count unread notifications, as far as the newest hundred."""
    _refuse_seen_at(seen_at)
    pipeline = appview.pipeline
    seen_us = pipeline.viewers.seen_us(viewer.did)
    # A millisecond counts as a whole: clients know times no finer.
    since_us = seen_us - seen_us % 1000 + 999 if seen_us else 0
    rows = notifications.newer_than(pipeline.index, viewer.id or 0, since_us, MOST_UNREAD)
    _, told = _told(appview, viewer, rows, _priority(appview, viewer, priority))
    return {"count": len(told)}


@methods.procedure("app.bsky.notification.updateSeen", auth=signed_in)
async def update_seen(appview: AppView, viewer: SignedIn, *, seen_at: Datetime) -> None:
    await appview.pipeline.viewers.mark_seen(viewer.did, max(0, seen_at.to_us()))


def _told(
    appview: AppView, viewer: SignedIn, rows: Sequence[Notification], only_follows: bool
) -> tuple[Hydration, list[Notification]]:
    """Take out what blocks, mutes, muted threads and preferences hide."""
    pipeline = appview.pipeline
    h = pipeline.hydrate.notifications(
        viewer,
        {row.author_id for row in rows},
        {row.root_id for row in rows if row.root_id is not None},
        [row.uri for row in rows],
    )
    wishes = pipeline.viewers.notification_preferences(viewer.did)
    told = [
        row
        for row in rows
        if is_told(h, row, wishes)
        and not (only_follows and h.relation(row.author_id).following is None)
    ]
    return h, told


def _priority(appview: AppView, viewer: SignedIn, asked: bool | None) -> bool:
    return appview.pipeline.viewers.priority(viewer.did) if asked is None else asked


def _refuse_seen_at(seen_at: Datetime | None) -> None:
    if seen_at is not None:
        raise InvalidRequest("The seenAt parameter is unsupported")


@methods.query("app.bsky.notification.getPreferences", auth=signed_in)
async def get_preferences(appview: AppView, viewer: SignedIn) -> Json:
    stored = appview.pipeline.viewers.notification_preferences(viewer.did)
    return {"preferences": views.preferences(stored)}


@methods.procedure("app.bsky.notification.putPreferences", auth=signed_in)
async def put_preferences(appview: AppView, viewer: SignedIn, *, priority: bool) -> None:
    await appview.pipeline.viewers.put_priority(viewer.did, priority)


@methods.procedure("app.bsky.notification.putPreferencesV2", auth=signed_in)
async def put_preferences_v2(
    appview: AppView,
    viewer: SignedIn,
    *,
    chat: Json | None,
    follow: Json | None,
    like: Json | None,
    like_via_repost: Json | None,
    mention: Json | None,
    quote: Json | None,
    reply: Json | None,
    repost: Json | None,
    repost_via_repost: Json | None,
    starterpack_joined: Json | None,
    subscribed_post: Json | None,
    unverified: Json | None,
    verified: Json | None,
) -> Json:
    given = {
        "chat": chat,
        "follow": follow,
        "like": like,
        "likeViaRepost": like_via_repost,
        "mention": mention,
        "quote": quote,
        "reply": reply,
        "repost": repost,
        "repostViaRepost": repost_via_repost,
        "starterpackJoined": starterpack_joined,
        "subscribedPost": subscribed_post,
        "unverified": unverified,
        "verified": verified,
    }
    changes = {
        name: {key: wish[key] for key in ("include", "list", "push") if key in wish}
        for name, wish in given.items()
        if wish is not None
    }
    await appview.pipeline.viewers.put_notification_preferences(viewer.did, changes)
    stored = appview.pipeline.viewers.notification_preferences(viewer.did)
    return {"preferences": views.preferences(stored)}


@methods.query("app.bsky.notification.listActivitySubscriptions", auth=signed_in)
async def list_activity_subscriptions(
    appview: AppView, viewer: SignedIn, *, limit: int, cursor: str | None
) -> Json:
    pipeline = appview.pipeline

    def show(dids: Sequence[str]) -> Sequence[JsonObject | None]:
        known = ids.actor_ids(pipeline.index, dids)
        return pipeline.profile_views(viewer, [known[did] for did in dids if did in known])

    return private_page(
        lambda after: pipeline.viewers.subscriptions_page(viewer.did, limit, after),
        show,
        "subscriptions",
        cursor,
    )


@methods.procedure("app.bsky.notification.putActivitySubscription", auth=signed_in)
async def put_activity_subscription(
    appview: AppView, viewer: SignedIn, *, subject: Did, activity_subscription: Json
) -> Json:
    if subject == viewer.did:
        raise InvalidRequest("Cannot subscribe to oneself")
    post, reply = activity_subscription["post"], activity_subscription["reply"]
    await appview.pipeline.viewers.subscribe(viewer.did, subject, post=post, reply=reply)
    if not (post or reply):
        return {"subject": subject}
    return {"subject": subject, "activitySubscription": {"post": post, "reply": reply}}


@methods.procedure("app.bsky.notification.registerPush", auth=signed_in)
async def register_push(
    appview: AppView,
    viewer: SignedIn,
    *,
    service_did: Did,
    token: str,
    platform: str,
    app_id: str,
    age_restricted: bool | None,
) -> None:
    """Keep a push token. age_restricted is for a push service; there is none here."""
    if len(token) > MOST_TOKEN_LETTERS or len(app_id) > MOST_TOKEN_LETTERS:
        raise InvalidRequest("The token is too long")
    await appview.pipeline.viewers.register_push(viewer.did, service_did, platform, app_id, token)


@methods.procedure("app.bsky.notification.unregisterPush", auth=signed_in)
async def unregister_push(
    appview: AppView,
    viewer: SignedIn,
    *,
    service_did: Did,
    token: str,
    platform: str,
    app_id: str,
) -> None:
    await appview.pipeline.viewers.unregister_push(viewer.did, service_did, platform, app_id, token)

"""app.bsky.draft.*: posts a viewer has begun; nobody else sees them."""

from appliance.appview.hydrate.hydration import SignedIn
from appliance.appview.role import AppView
from appliance.appview.views.values import fragment, iso
from appliance.appview.xrpc.auth import signed_in
from appliance.appview.xrpc.private_lists import format_private_cursor, parse_private_cursor
from appliance.atproto.syntax import Json, JsonObject
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.procedure("app.bsky.draft.createDraft", auth=signed_in)
async def create_draft(appview: AppView, viewer: SignedIn, *, draft: Json) -> Json:
    draft_id = appview.draft_ids.next()
    await appview.pipeline.viewers.put_draft(viewer.did, draft_id, draft)
    return {"id": draft_id}


@methods.procedure("app.bsky.draft.updateDraft", auth=signed_in)
async def update_draft(appview: AppView, viewer: SignedIn, *, draft: Json) -> None:
    """Replace a draft. One that is gone (deleted elsewhere) stays gone."""
    await appview.pipeline.viewers.replace_draft(viewer.did, draft["id"], draft["draft"])


@methods.procedure("app.bsky.draft.deleteDraft", auth=signed_in)
async def delete_draft(
    appview: AppView,
    viewer: SignedIn,
    *,
    id: Tid,
) -> None:
    await appview.pipeline.viewers.delete_draft(viewer.did, id)


@methods.query("app.bsky.draft.getDrafts", auth=signed_in)
async def get_drafts(appview: AppView, viewer: SignedIn, *, limit: int, cursor: str | None) -> Json:
    """Give drafts, the one changed last first."""
    viewers = appview.pipeline.viewers
    rows = viewers.drafts_page(viewer.did, limit, parse_private_cursor(cursor))
    view: JsonObject = {
        "drafts": [
            {
                "id": draft_id,
                "draft": fragment(draft),
                "createdAt": iso(created_us),
                "updatedAt": iso(updated_us),
            }
            for draft_id, draft, created_us, updated_us in rows
        ]
    }
    if rows:
        draft_id, _, _, updated_us = rows[-1]
        if viewers.drafts_page(viewer.did, 1, (updated_us, draft_id)):
            view["cursor"] = format_private_cursor(updated_us, draft_id)
    return view

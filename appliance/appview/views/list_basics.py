"""Views of lists without their creator: what a viewer's state names."""

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.rows import (
    GeneratorRow,
    LabelerRow,
    ListRow,
    StarterPackRow,
)
from appliance.appview.views.values import iso, present, self_labels
from appliance.atproto.syntax import Json, JsonObject


def basic(h: Hydration, list_id: int) -> JsonObject | None:
    """Make a listViewBasic."""
    row = h.list_(list_id)
    if row is None:
        return None
    did = h.did(row.actor_id) or ""
    view: JsonObject = {
        "uri": row.uri,
        "cid": row.cid,
        "name": row.name,
        "purpose": row.purpose,
        **present(listItemCount=row.item_count),
        "indexedAt": iso(row.indexed_us),
        "labels": labels(h, row),
    }
    if row.avatar is not None:
        view["avatar"] = h.media.image("avatar", did, row.avatar)
    if h.audience.viewer is not None:
        view["viewer"] = present(muted=row.id in h.muted_lists, blocked=h.list_blocks.get(row.id))
    return view


def labels(h: Hydration, row: ListRow | GeneratorRow | StarterPackRow | LabelerRow) -> list[Json]:
    """Give the labels on a record and those it carries itself."""
    did = h.did(row.actor_id) or ""
    found: list[Json] = [*h.labels.get(row.uri, ())]
    return found + self_labels(did, row.uri, row.cid, row.record, row.indexed_us)

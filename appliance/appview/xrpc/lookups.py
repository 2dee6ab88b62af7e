"""Turn what a request names into ids of the index, or into the error the client is told."""

from collections.abc import Sequence
from typing import Final

from appliance.appview.hydrate import ids
from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.role import AppView
from appliance.atproto.syntax import AtUri, Did, Handle
from appliance.atproto.xrpc.errors import InvalidRequest

# Statuses of accounts with a name of their own for "there is nothing to see".
_HIDDEN: Final = {
    "deactivated": ("AccountDeactivated", "Account is deactivated"),
    "takendown": ("AccountTakedown", "Account has been taken down"),
    "suspended": ("AccountTakedown", "Account has been suspended"),
}


def actor(appview: AppView, named: Did | Handle, missing: str = "Profile not found") -> int:
    """Find an account that may be shown. Raises InvalidRequest."""
    actor_id = ids.actor_id(appview.pipeline.index, named)
    if actor_id is None:
        raise InvalidRequest(missing)
    h = appview.pipeline.hydrate.bare(actor_id)
    refuse_hidden(h, actor_id, missing)
    return actor_id


def refuse_hidden(h: Hydration, actor_id: int, missing: str = "Profile not found") -> None:
    """Say why an account is not shown, if it is not. Raises InvalidRequest."""
    row = h.actors.get(actor_id)
    if row is not None and h.is_removed(row.did):
        raise InvalidRequest("Account has been taken down", "AccountTakedown")
    if row is not None and row.status in _HIDDEN:
        name, message = _HIDDEN[row.status]
        raise InvalidRequest(message, name)
    if h.actor(actor_id) is None:
        raise InvalidRequest(missing)


def actors(appview: AppView, named: Sequence[Did | Handle]) -> list[int]:
    """Find accounts, in this order; those the index does not know are left out."""
    found = (ids.actor_id(appview.pipeline.index, name) for name in named)
    return list(dict.fromkeys(actor_id for actor_id in found if actor_id is not None))


def record(appview: AppView, uri: AtUri) -> int | None:
    """Find the id of a record's address, by whichever name of the account."""
    index = appview.pipeline.index
    return ids.subject_id(index, ids.with_did(index, uri))


def records(appview: AppView, uris: Sequence[AtUri]) -> list[int]:
    """Find records, in this order; addresses the index never saw are left out."""
    found = (record(appview, uri) for uri in uris)
    return list(dict.fromkeys(id_ for id_ in found if id_ is not None))


def ids_of(appview: AppView, uris: Sequence[str]) -> dict[str, int]:
    """Find the ids of addresses that name DIDs."""
    return ids.subject_ids(appview.pipeline.index, uris)

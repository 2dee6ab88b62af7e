"""app.bsky.contact.*: finding people by phone numbers, which this network does not collect."""

from typing import NoReturn

from appliance.appview.hydrate.hydration import SignedIn
from appliance.appview.role import AppView
from appliance.appview.xrpc.auth import signed_in
from appliance.atproto.syntax import Did, Json
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


def _refuse() -> NoReturn:
    raise InvalidRequest("Phone numbers are not collected here", "InternalError")


@methods.procedure("app.bsky.contact.startPhoneVerification", auth=signed_in)
async def start_phone_verification(appview: AppView, viewer: SignedIn, *, phone: str) -> Json:
    _refuse()


@methods.procedure("app.bsky.contact.verifyPhone", auth=signed_in)
async def verify_phone(appview: AppView, viewer: SignedIn, *, phone: str, code: str) -> Json:
    _refuse()


@methods.procedure("app.bsky.contact.importContacts", auth=signed_in)
async def import_contacts(
    appview: AppView, viewer: SignedIn, *, token: str, contacts: list[str]
) -> Json:
    _refuse()


@methods.procedure("app.bsky.contact.sendNotification", auth=signed_in)
async def send_notification(appview: AppView, viewer: SignedIn, *, from_: Did, to: Did) -> Json:
    _refuse()


@methods.query("app.bsky.contact.getMatches", auth=signed_in)
async def get_matches(
    appview: AppView, viewer: SignedIn, *, limit: int, cursor: str | None
) -> Json:
    """Nothing was ever imported, so nothing matches."""
    return {"matches": []}


@methods.query("app.bsky.contact.getSyncStatus", auth=signed_in)
async def get_sync_status(appview: AppView, viewer: SignedIn) -> Json:
    return {}


@methods.procedure("app.bsky.contact.dismissMatch", auth=signed_in)
async def dismiss_match(appview: AppView, viewer: SignedIn, *, subject: Did) -> Json:
    return {}


@methods.procedure("app.bsky.contact.removeData", auth=signed_in)
async def remove_data(appview: AppView, viewer: SignedIn) -> Json:
    return {}

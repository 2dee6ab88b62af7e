"""internal.hearth.pds.*: what the operator's panel asks beyond the standard methods."""

from appliance.atproto.syntax import Datetime, Did, Handle, Json, JsonObject
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.appview_choices import AppViewChoice
from appliance.pds.crawl_requests import Asked
from appliance.pds.credentials import check_email, new_hash
from appliance.pds.letters import second_steps_removed
from appliance.pds.mailer import Mail
from appliance.pds.role import Pds
from appliance.pds.signup import Application
from appliance.pds.xrpc.auth import Caller, operator
from appliance.pds.xrpc.com_atproto_admin_account import page_number

methods: MethodTable[Pds] = MethodTable()


@methods.query("internal.hearth.pds.listMail", auth=operator)
async def list_mail(pds: Pds, caller: Caller, *, limit: int, cursor: str | None) -> Json:
    page = await pds.mailer.page(page_number(cursor), limit)
    view: JsonObject = {"mails": [_mail_view(mail) for mail in page]}
    if len(page) == limit:
        view["cursor"] = str(page[-1].id)
    return view


@methods.query("internal.hearth.pds.getAppView", auth=operator)
async def get_app_view(pds: Pds, caller: Caller, *, did: Did) -> Json:
    """Tell which AppView a member uses: "server", "local", "any", or `did#service`."""
    return {"appView": str(pds.appview_choices.of(pds.accounts.require(did).did))}


@methods.query("internal.hearth.pds.getStorage", auth=operator)
async def get_storage(pds: Pds, caller: Caller, *, did: Did) -> Json:
    """Tell how much a member keeps here, how much they may, and when they wrote last."""
    kept = await pds.blobs.kept(pds.accounts.require(did).did)
    records = await pds.records.count(did)
    written = Datetime.from_us(pds.repos.head(did).rev.to_us())
    view: JsonObject = {
        "records": records,
        "blobs": kept.blobs,
        "bytes": kept.bytes,
        "lastWriteAt": written,
    }
    quota = pds.settings.pds.blob_quota
    return {**view, "quota": quota} if quota else view


@methods.procedure("internal.hearth.pds.setAppView", auth=operator)
async def set_app_view(pds: Pds, caller: Caller, *, did: Did, app_view: str) -> None:
    """Choose for a member, whether the AppView is to be found just now or not."""
    choice = AppViewChoice.of(app_view)
    await pds.appview_choices.choose(pds.accounts.require(did).did, choice)


@methods.procedure("internal.hearth.pds.openWebAccount", auth=operator)
async def open_web_account(
    pds: Pds, caller: Caller, *, handle: Handle, email: str, password: str
) -> Json:
    """Open an account whose identity is the did:web of its handle, under a domain of ours."""
    check_email(email)
    await pds.handles.check(handle, None, by_operator=True)
    hashed = await new_hash(password)
    opened = await pds.signup.open(Application(handle, email, hashed, by_name=True))
    return {"did": opened.did, "handle": opened.handle}


@methods.procedure("internal.hearth.pds.removeSecondSteps", auth=operator)
async def remove_second_steps(pds: Pds, caller: Caller, *, did: Did) -> None:
    """For a member who has lost phone and recovery codes; a letter tells them."""
    found = pds.accounts.require(did)
    await pds.factors.remove_all(did)
    letter = second_steps_removed(found.handle)
    await pds.mailer.send(did, found.email, letter.subject, letter.body)


@methods.procedure("internal.hearth.pds.requestCrawl", auth=operator)
async def request_crawl(pds: Pds, caller: Caller, *, relays: list[str] | None) -> Json:
    asked = await pds.crawl_requests.tell(relays or ())
    return {"relays": [_asked_view(one) for one in asked]}


def _asked_view(asked: Asked) -> JsonObject:
    if asked.failure is None:
        return {"relay": asked.relay}
    return {"relay": asked.relay, "failure": asked.failure}


def _mail_view(mail: Mail) -> JsonObject:
    view: JsonObject = {
        "id": mail.id,
        "did": mail.did,
        "recipient": mail.recipient,
        "subject": mail.subject,
        "body": mail.body,
        "createdAt": Datetime.from_us(mail.created_at),
    }
    if mail.sent_at is not None:
        view["sentAt"] = Datetime.from_us(mail.sent_at)
    if mail.failure is not None:
        view["failure"] = mail.failure
    return view

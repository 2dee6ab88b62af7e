"""Every method and what an app needs for it: refused without, served with exactly that."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from appliance.atproto.xrpc.methods import Method
from appliance.pds import app as pds_app
from appliance.pds.app_passwords import AppPassword
from appliance.pds.xrpc.auth import operator
from tests.support.members_house import Browser, MembersHouse, open_members_house
from tests.support.oauth_client import App
from tests.support.pds_box import APPVIEW_DID, Answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Everything that can be granted; a need is judged by all of these but the tokens that meet it.
EVERYTHING = (
    "transition:generic",
    "transition:email",
    "transition:chat.bsky",
    "repo:*",
    "blob:*/*",
    "account:email?action=manage",
    "account:repo?action=manage",
    "account:status?action=manage",
    "identity:*",
    f"rpc:*?aud={APPVIEW_DID}%23bsky_appview",
)
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
POST = "org.example.post"
LABELER = "did:web:localhost%253A2583%23atproto_labeler"
SIGNED_IN, CLOSED = "signed in", "closed"


@dataclass(frozen=True)
class Case:
    """A call, and what an app needs for it: SIGNED_IN, CLOSED, or any one of some scopes."""

    nsid: str
    need: str | tuple[str, ...]
    sent: dict[str, Any] = field(default_factory=dict)
    verb: str = "POST"

    def __str__(self) -> str:
        return f"{self.nsid} {self.sent.get('headers', '')}"


def get(nsid: str, need: str | tuple[str, ...], **sent: Any) -> Case:
    return Case(nsid, need, {"params": sent} if sent else {}, "GET")


def post(nsid: str, need: str | tuple[str, ...], **sent: Any) -> Case:
    return Case(nsid, need, {"json": sent} if sent else {})


def rpc(lxm: str, aud: str = f"{APPVIEW_DID}%23bsky_appview") -> tuple[str, ...]:
    chats = lxm.startswith("chat.bsky.")
    return (f"rpc:{lxm}?aud={aud}", "transition:chat.bsky" if chats else "transition:generic")


def record(action: str, more: str = "") -> tuple[str, ...]:
    return (f"repo:{POST}?action={action}{more}", "repo:*", "transition:generic")


ME = "alice.test"
WRITE = {"repo": ME, "collection": POST, "rkey": "one"}
VALUE = {"$type": POST, "text": "hello"}
SERVER, REPO, IDENTITY = "com.atproto.server.", "com.atproto.repo.", "com.atproto.identity."
MANAGES_EMAIL = ("account:email?action=manage",)
WHOLE_IDENTITY = ("identity:*",)

CASES = [
    # Records and files.
    post(REPO + "createRecord", record("create"), repo=ME, collection=POST, record=VALUE),
    post(REPO + "putRecord", record("create", "&action=update"), **WRITE, record=VALUE),
    post(REPO + "deleteRecord", record("delete"), **WRITE),
    post(
        REPO + "applyWrites",
        record("create"),
        repo=ME,
        writes=[{"$type": f"{REPO}applyWrites#create", "collection": POST, "value": VALUE}],
    ),
    post(
        REPO + "applyWrites",
        record("create", "&action=delete"),
        repo=ME,
        writes=[
            {"$type": f"{REPO}applyWrites#create", "collection": POST, "rkey": "a", "value": VALUE},
            {"$type": f"{REPO}applyWrites#delete", "collection": POST, "rkey": "gone"},
        ],
    ),
    Case(
        REPO + "uploadBlob",
        ("blob:image/png", "blob:image/*", "blob:*/*", "transition:generic"),
        {"data": PICTURE, "headers": {"Content-Type": "image/png"}},
    ),
    Case(
        REPO + "importRepo",
        ("account:repo?action=manage",),
        {"data": b"", "headers": {"Content-Type": "application/vnd.ipld.car"}},
    ),
    get(REPO + "listMissingBlobs", SIGNED_IN),
    get(REPO + "describeRepo", SIGNED_IN, repo=ME),
    # The account.
    get(SERVER + "getSession", SIGNED_IN),
    get(SERVER + "checkAccountStatus", SIGNED_IN),
    post(SERVER + "deactivateAccount", ("account:status?action=manage",), deleteAfter=None),
    post(SERVER + "activateAccount", CLOSED),
    post(SERVER + "requestAccountDelete", CLOSED),
    post(SERVER + "createAppPassword", CLOSED, name="stolen"),
    get(SERVER + "listAppPasswords", CLOSED),
    post(SERVER + "revokeAppPassword", CLOSED, name="mine"),
    get(SERVER + "getAccountInviteCodes", CLOSED),
    post(SERVER + "requestEmailConfirmation", MANAGES_EMAIL),
    post(SERVER + "confirmEmail", MANAGES_EMAIL, email="alice@example.com", token="x"),
    post(SERVER + "requestEmailUpdate", CLOSED),
    post(SERVER + "updateEmail", CLOSED, email="thief@example.com"),
    # Tokens for other services.
    get(
        SERVER + "getServiceAuth",
        rpc("org.example.getThing", "did:web:x.example%23svc"),
        aud="did:web:x.example#svc",
        lxm="org.example.getThing",
    ),
    get(
        SERVER + "getServiceAuth",
        ("rpc:org.example.getThing?aud=*", "transition:generic"),
        aud="did:web:x.example",
        lxm="org.example.getThing",
    ),
    get(
        SERVER + "getServiceAuth",
        rpc("*", "did:web:x.example%23svc"),
        aud="did:web:x.example#svc",
    ),
    get(
        SERVER + "getServiceAuth",
        rpc("chat.bsky.convo.listConvos", "did:web:x.example%23svc"),
        aud="did:web:x.example#svc",
        lxm="chat.bsky.convo.listConvos",
    ),
    get(
        SERVER + "getServiceAuth",
        (f"rpc:{SERVER}createAccount?aud=did:web:x.example%23svc",),
        aud="did:web:x.example#svc",
        lxm=f"{SERVER}createAccount",
    ),
    # Who one is.
    post(IDENTITY + "updateHandle", ("identity:handle", "identity:*"), handle="bad_handle.test"),
    get(IDENTITY + "getRecommendedDidCredentials", SIGNED_IN),
    post(IDENTITY + "refreshIdentity", SIGNED_IN, identifier=ME),
    post(IDENTITY + "requestPlcOperationSignature", WHOLE_IDENTITY),
    post(IDENTITY + "signPlcOperation", WHOLE_IDENTITY, token="x"),
    post(IDENTITY + "submitPlcOperation", WHOLE_IDENTITY, operation={}),
    post("internal.hearth.pds.pointWebIdentity", WHOLE_IDENTITY, token="x"),
    # What an AppView is asked, and what we answer in its place.
    get("app.bsky.actor.getPreferences", rpc("app.bsky.actor.getPreferences")),
    post("app.bsky.actor.putPreferences", rpc("app.bsky.actor.putPreferences"), preferences=[]),
    get("app.bsky.feed.getTimeline", rpc("app.bsky.feed.getTimeline")),
    get("chat.bsky.convo.listConvos", rpc("chat.bsky.convo.listConvos")),
    Case(
        "app.bsky.feed.getTimeline",
        rpc("app.bsky.feed.getTimeline", f"{APPVIEW_DID}%23bsky_notif"),
        {"headers": {"atproto-proxy": f"{APPVIEW_DID}#bsky_notif"}},
        "GET",
    ),
    Case(
        "app.bsky.feed.getTimeline",
        rpc("app.bsky.feed.getTimeline", "did:web:api.bsky.app%23bsky_appview"),
        {"headers": {"atproto-proxy": "did:web:api.bsky.app#bsky_appview"}},
        "GET",
    ),
    post(
        "com.atproto.moderation.createReport",
        ("rpc:com.atproto.moderation.createReport?aud=*", "transition:generic"),
        reasonType="com.atproto.moderation.defs#reasonSpam",
        subject={"$type": "com.atproto.admin.defs#repoRef", "did": "did:web:spam.example"},
    ),
    # What is public, and shows its owner a little more.
    *(
        get(f"com.atproto.sync.{name}", SIGNED_IN, did="did:web:nobody.example", **more)
        for name, more in {
            "getBlob": {"cid": "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"},
            "getBlocks": {"cids": "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"},
            "getCheckout": {},
            "getHead": {},
            "getLatestCommit": {},
            "getRecord": {"collection": POST, "rkey": "one"},
            "getRepo": {},
            "listBlobs": {},
        }.items()
    ),
]
# What apps can have nothing to do with: other credentials altogether.
SIGN_UPS = (SERVER + "createAccount",)
OTHER_CREDENTIALS = {
    SERVER + "createAccount": "a service token",
    SERVER + "refreshSession": "a refresh token",
    SERVER + "deleteSession": "a refresh token",
}


@dataclass
class Desk:
    """A house, and the apps that came in so far, by scope."""

    house: MembersHouse
    browser: Browser
    apps: dict[str, App] = field(default_factory=dict)

    async def app(self, *tokens: str) -> App:
        scope = " ".join(["atproto", *tokens])
        if scope not in self.apps:
            made = App.local(self.house, scope)
            await made.come_in(self.browser)
            self.apps[scope] = made
        return self.apps[scope]

    async def call(self, case: Case, *tokens: str) -> Answer:
        app = await self.app(*tokens)
        answer = await app.call(case.verb, case.nsid, **case.sent)
        await self.house.box.pds.lifecycle.activate(self.house.alice.did)
        return answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with open_members_house(tmp_path_factory.mktemp("house")) as house:
        yield Desk(house, await house.at_home())


def declared() -> Iterator[Method]:
    for table in pds_app._TABLES:
        yield from table.methods.values()


def is_let_in(answer: Answer) -> bool:
    """Whether what stopped a call, if anything, was not what the app may do."""
    if answer.status == 400 and answer.error == "InvalidToken":
        return bool(answer.json["message"] == "Token is invalid")  # a mailed one
    return answer.status not in (401, 403)


async def test_every_method_is_in_the_table() -> None:
    known = {case.nsid for case in CASES} | set(OTHER_CREDENTIALS)
    missing = [
        method.nsid
        for method in declared()
        if method.auth not in (None, operator) and method.nsid not in known
    ]
    assert missing == []


@pytest.mark.parametrize("case", [case for case in CASES if case.need == CLOSED], ids=str)
async def test_what_is_the_member_s_own_business_is_closed_to_apps(desk: Desk, case: Case) -> None:
    answer = await desk.call(case, *EVERYTHING)
    assert (answer.status, answer.error) == (403, "Forbidden")


@pytest.mark.parametrize("case", [case for case in CASES if case.need == SIGNED_IN], ids=str)
async def test_what_needs_no_permission_is_open_to_every_app(desk: Desk, case: Case) -> None:
    assert is_let_in(await desk.call(case))


@pytest.mark.parametrize("case", [case for case in CASES if type(case.need) is tuple], ids=str)
async def test_nothing_but_what_is_needed_opens_a_method(desk: Desk, case: Case) -> None:
    for token in case.need:
        assert is_let_in(await desk.call(case, token)), token
    others = _without(case.need)
    for tokens in ((), others):
        answer = await desk.call(case, *tokens)
        assert (answer.status, answer.error) == (403, "ScopeMissingError"), tokens
        assert "Missing required scope" in answer.json["message"]
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def _without(need: str | tuple[str, ...]) -> list[str]:
    """Everything but what meets a need, whole or by a wider name."""
    kinds = {token.partition(":")[0] for token in need if not token.startswith("transition")}
    return [
        token
        for token in EVERYTHING
        if token not in need
        and not (token.startswith("rpc:*") and "rpc" in kinds)
        and not (token.startswith("repo:*") and "repo" in kinds)
    ]


@pytest.mark.parametrize(
    "method",
    [each for each in declared() if each.auth is operator],
    ids=lambda each: each.nsid,
)
async def test_the_operator_s_methods_know_no_apps(desk: Desk, method: Method) -> None:
    app = await desk.app(*EVERYTHING)
    verb = "GET" if method.kind == "query" else "POST"
    answer = await app.call(verb, method.nsid)
    assert answer.status in (400, 401, 403)


@pytest.mark.parametrize("nsid", OTHER_CREDENTIALS)
async def test_other_credentials_are_not_an_app_s(desk: Desk, nsid: str) -> None:
    app = await desk.app(*EVERYTHING)
    sent: dict[str, Any] = (
        {"json": {"handle": "new.test"}} if nsid.endswith("createAccount") else {}
    )
    assert (await app.call("POST", nsid, **sent)).error == "InvalidToken"


# Where the old scope for everything is narrower than an app password: the account and its names.
NARROWER = {
    SERVER + "listAppPasswords",
    SERVER + "revokeAppPassword",
    SERVER + "requestEmailConfirmation",
    SERVER + "confirmEmail",
    IDENTITY + "updateHandle",
    IDENTITY + "submitPlcOperation",
}


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_the_old_scopes_are_app_passwords(desk: Desk, case: Case) -> None:
    box, alice = desk.house.box, desk.house.alice
    for privileged, tokens in ((False, ()), (True, ("transition:chat.bsky",))):
        by_app = await desk.call(case, "transition:generic", *tokens)
        access = await _session(desk, privileged=privileged)
        by_password = await box.ask(case.verb, f"/xrpc/{case.nsid}", token=access, **case.sent)
        moves = case.sent.get("params", {}).get("lxm") == f"{SERVER}createAccount"
        if case.nsid in NARROWER or (moves and privileged):
            assert not is_let_in(by_app)
        elif by_password.status == 400 and "insufficient access" in by_password.json["message"]:
            assert by_app.error == "ScopeMissingError"
        else:
            assert is_let_in(by_app) is is_let_in(by_password)
    assert box.pds.accounts.require(alice.did).is_active


async def _session(desk: Desk, *, privileged: bool) -> str:
    pds, did = desk.house.box.pds, desk.house.alice.did
    password = AppPassword(f"old {privileged}", privileged, 0)
    return (await pds.sessions.begin(did, password)).access_jwt


async def test_a_batch_needs_everything_that_is_in_it(desk: Desk) -> None:
    writes = [
        {"$type": f"{REPO}applyWrites#create", "collection": POST, "value": VALUE},
        {"$type": f"{REPO}applyWrites#create", "collection": "org.example.like", "value": VALUE},
    ]
    case = post(REPO + "applyWrites", (), repo=ME, writes=writes)
    answer = await desk.call(case, f"repo:{POST}")
    assert answer.json["message"] == (
        'Missing required scope "repo:org.example.like?action=create"'
    )
    assert is_let_in(await desk.call(case, f"repo:{POST}", "repo:org.example.like?action=create"))


async def test_a_file_is_judged_by_what_it_is_not_by_what_it_is_called(desk: Desk) -> None:
    sent = {"data": PICTURE, "headers": {"Content-Type": "video/mp4"}}
    answer = await desk.call(Case(REPO + "uploadBlob", (), sent), "blob:video/*")
    assert (answer.status, answer.error) == (403, "ScopeMissingError")
    assert answer.json["message"] == 'Missing required scope "blob:image/png"'


async def test_an_address_is_shown_to_apps_that_may_see_it(desk: Desk) -> None:
    case = get(SERVER + "getSession", SIGNED_IN)
    for tokens in ((), ("transition:generic",)):
        assert not {"email", "emailConfirmed"} & set((await desk.call(case, *tokens)).json)
    for token in ("transition:email", "account:email", "account:email?action=manage"):
        assert (await desk.call(case, token)).json["email"] == "alice@example.com"


async def test_a_permission_may_name_any_of_the_names_of_our_appview(desk: Desk) -> None:
    lxm = "app.bsky.feed.getTimeline"
    headers = {"atproto-proxy": "did:web:api.bsky.app#bsky_appview"}
    for aud in (APPVIEW_DID, "did:web:api.bsky.app"):
        token = f"rpc:{lxm}?aud={aud}%23bsky_appview"
        assert (await desk.call(get(lxm, ()), token)).status == 200
        assert (await desk.call(Case(lxm, (), {"headers": headers}, "GET"), token)).status == 200
    token = f"rpc:{lxm}?aud=did:web:other.example%23bsky_appview"
    assert (await desk.call(get(lxm, ()), token)).error == "ScopeMissingError"


async def test_what_is_public_needs_no_permission_though_it_is_asked_of_others(desk: Desk) -> None:
    sent = {"repo": "did:web:far.example", "collection": POST, "rkey": "one"}
    assert (await desk.call(get(REPO + "getRecord", (), **sent))).status == 200


async def test_what_concerns_the_account_is_not_asked_of_others(desk: Desk) -> None:
    for nsid in ("com.atproto.server.getSession", "com.atproto.server.deactivateAccount"):
        sent = {"params": {"aud": "did:web:x.example#svc", "lxm": nsid}}
        case = Case(SERVER + "getServiceAuth", (), sent, "GET")
        answer = await desk.call(case, "rpc:*?aud=did:web:x.example%23svc", *EVERYTHING)
        assert (answer.status, answer.error) == (400, "InvalidRequest")

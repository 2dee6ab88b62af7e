"""Lines 10-12, 17-18: sessions, app passwords, tokens for other services."""

import time
from typing import Any

from appliance.atproto import jwt
from tests.interop.asking import (
    PASSWORD,
    Ask,
    Do,
    Scene,
    Step,
    call,
    get,
    opened,
    post,
    post_record,
    signed_in,
)
from tests.interop.sides import Side

SERVER = "com.atproto.server."
LOGIN = f"{SERVER}createSession"
SESSION = f"{SERVER}getSession"
REFRESH = f"{SERVER}refreshSession"
SERVICE = f"{SERVER}getServiceAuth"
RENEWED = {"accessJwt": "accessJwt", "refreshJwt": "refreshJwt"}


def claims(line: int, what: str, kept: str) -> Do:
    """Compare what a kept token says."""

    async def read(side: Side) -> Any:
        parsed = jwt.parse(side.known[kept])
        said = dict(parsed.claims)
        return {
            "header": dict(parsed.header),
            "lifetime": said.pop("exp") - said.get("iat", 0),
            "claims": {**said, "iat": "iat" in said, "jti": "jti" in said},
        }

    return Do(line, what, read)


def same(line: int, what: str, first: str, second: str) -> Do:
    """Compare whether two kept refresh tokens have the same jti."""

    async def read(side: Side) -> Any:
        one, other = (jwt.parse(side.known[name]).claims.get("jti") for name in (first, second))
        return {"same jti": one == other}

    return Do(line, what, read)


def login(what: str, identifier: str, password: str = PASSWORD, **more: Any) -> Ask:
    return post(12, f"login: {what}", LOGIN, identifier=identifier, password=password, **more)


def renew(what: str, who: str, kept: str, line: int = 11) -> Ask:
    keep = {f"{kept}.access": "accessJwt", f"{kept}.refresh": "refreshJwt"}
    return call(line, what, REFRESH, who, keep=keep)


_LOGINS: list[Step] = [
    opened("fay"),
    claims(10, "the access token", "fay.access"),
    claims(10, "the refresh token", "fay.refresh"),
    login("handle", "fay.test"),
    login("handle in upper case", "FAY.Test"),
    login("DID", "<fay.did>"),
    login("e-mail", "fay@mail.test"),
    login("e-mail in upper case", "FAY@mail.test"),
    login("at-handle", "@fay.test"),
    login("handle with spaces", " fay.test "),
    login("wrong password", "fay.test", "wrong"),
    login("password in other case", "fay.test", PASSWORD.upper()),
    login("empty password", "fay.test", ""),
    login("very long password", "fay.test", "x" * 513),
    login("unknown handle", "nobody.test"),
    login("unknown DID", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"),
    login("unknown e-mail", "nobody@mail.test"),
    login("no identifier", ""),
    login("malformed identifier", "not a name"),
    login("malformed DID", "did:x"),
    login("with a second factor", "fay.test", authFactorToken="ABCDE-FGHIJ"),
    login("allow takendown", "fay.test", allowTakendown=True),
]

_ROTATION: list[Step] = [
    opened("gus"),
    renew("refresh", "gus.refresh", "gus1"),
    claims(10, "the new access token", "gus1.access"),
    renew("the old one again", "gus.refresh", "gus2"),
    same(11, "the successor is the same", "gus1.refresh", "gus2.refresh"),
    renew("refresh the new one", "gus1.refresh", "gus3"),
    same(11, "the next is another", "gus1.refresh", "gus3.refresh"),
    get(11, "the old access token still works", SESSION, "gus"),
    call(11, "end the session", f"{SERVER}deleteSession", "gus3.refresh"),
    renew("refresh after the end", "gus3.refresh", "gus4"),
    call(11, "end it again", f"{SERVER}deleteSession", "gus3.refresh"),
    call(11, "end with an access token", f"{SERVER}deleteSession", "gus"),
    call(11, "end without", f"{SERVER}deleteSession"),
    get(11, "the access token outlives the session", SESSION, "gus3"),
    signed_in("gus", "gus5"),
    post(11, "the operator sets a password", "com.atproto.admin.updateAccountPassword", "operator",
         did="<gus.did>", password="another password"),
    renew("refresh after the password changed", "gus5.refresh", "gus6"),
    login("the old password", "gus.test"),
    login("the new password", "gus.test", "another password"),
    Ask(11, "refresh with a body", REFRESH, "POST", who="gus1.refresh", body=b"{}",
        headers={"Content-Type": "application/json"}),
]  # fmt: skip

_FORBIDDEN: list[tuple[str, str, dict[str, Any] | None]] = [
    ("createAppPassword", f"{SERVER}createAppPassword", {"name": "third"}),
    ("deactivateAccount", f"{SERVER}deactivateAccount", {}),
    ("activateAccount", f"{SERVER}activateAccount", None),
    ("requestAccountDelete", f"{SERVER}requestAccountDelete", None),
    ("requestEmailUpdate", f"{SERVER}requestEmailUpdate", None),
    ("updateEmail", f"{SERVER}updateEmail", {"email": "x@mail.test"}),
    ("requestPlcOperationSignature", "com.atproto.identity.requestPlcOperationSignature", None),
    ("signPlcOperation", "com.atproto.identity.signPlcOperation", {"token": "x"}),
    ("submitPlcOperation", "com.atproto.identity.submitPlcOperation", {"operation": {}}),
    ("requestEmailConfirmation", f"{SERVER}requestEmailConfirmation", None),
    ("revokeAppPassword", f"{SERVER}revokeAppPassword", {"name": "none"}),
    ("updateHandle", "com.atproto.identity.updateHandle", {"handle": "hal.test"}),
]


def _tried(who: str) -> list[Step]:
    asks: list[Step] = [
        call(17, f"{who}: {what}", nsid, who)
        if fields is None
        else post(17, f"{who}: {what}", nsid, who, **fields)
        for what, nsid, fields in _FORBIDDEN
    ]
    queries = ("getAccountInviteCodes", "listAppPasswords", "checkAccountStatus", "getSession")
    asks += [get(17, f"{who}: {name}", SERVER + name, who) for name in queries]
    asks += [
        get(17, f"{who}: preferences", "app.bsky.actor.getPreferences", who),
        Ask(17, f"{who}: importRepo", "com.atproto.repo.importRepo", "POST", who=who, body=b"x",
            headers={"Content-Type": "application/vnd.ipld.car"}),
        get(17, f"{who}: recommended credentials",
            "com.atproto.identity.getRecommendedDidCredentials", who),
        get(17, f"{who}: chat", "chat.bsky.convo.listConvos", who),
        get(17, f"{who}: chat, by header", "chat.bsky.convo.listConvos", who,
            headers={"atproto-proxy": "<up.did>#some_service"}),
        service("for chat", who, lxm="chat.bsky.convo.listConvos"),
        service("for createAccount", who, lxm=f"{SERVER}createAccount"),
        service("for anything", who),
        service("for a feed", who, lxm="app.bsky.feed.getFeedSkeleton"),
        post(17, f"{who}: a post", "com.atproto.repo.createRecord", who, repo="<hal.did>",
             collection="app.bsky.feed.post", record=post_record(who)),
    ]  # fmt: skip
    return asks


def service(what: str, who: str = "hal", **params: Any) -> Ask:
    given = {"aud": "did:web:other.test", **params}
    chosen = {name: value for name, value in given.items() if value is not None}
    return get(18, f"{who}: service token {what}", SERVICE, who, **chosen)


def named(what: str, **fields: Any) -> Ask:
    return post(17, f"an app password {what}", f"{SERVER}createAppPassword", "hal", **fields)


_APP_PASSWORDS: list[Step] = [
    opened("hal"),
    get(17, "no app passwords", f"{SERVER}listAppPasswords", "hal"),
    post(17, "an app password", f"{SERVER}createAppPassword", "hal", name="first",
         keep={"secret.plain": "password"}),
    post(17, "a privileged one", f"{SERVER}createAppPassword", "hal", name="second",
         privileged=True, keep={"secret.privileged": "password"}),
    named("of the same name", name="first"),
    named("of spaces", name=" "),
    named("with privileged as text", name="third", privileged="yes"),
    get(17, "two app passwords", f"{SERVER}listAppPasswords", "hal"),
    signed_in("hal", "plain", password="<secret.plain>"),
    claims(10, "the scope of a plain one", "plain.access"),
    signed_in("hal", "privileged", password="<secret.privileged>"),
    claims(10, "the scope of a privileged one", "privileged.access"),
    login("app password with e-mail", "hal@mail.test", "<secret.plain>"),
    *_tried("plain"),
    *_tried("privileged"),
    renew("refresh an app password's session", "plain.refresh", "plain2"),
    claims(10, "the scope stays", "plain2.access"),
    post(17, "revoke", f"{SERVER}revokeAppPassword", "hal", name="first"),
    post(17, "revoke again", f"{SERVER}revokeAppPassword", "hal", name="first"),
    renew("refresh after revocation", "plain2.refresh", "plain3"),
    login("revoked app password", "hal.test", "<secret.plain>"),
    get(17, "one app password", f"{SERVER}listAppPasswords", "hal"),
    named("with a long name", name="x" * 300),
    named("without a name", name=""),
]  # fmt: skip


def expiring(what: str, seconds: int, **params: Any) -> list[Step]:
    kept = f"exp.in{seconds}".replace("-", "minus")

    async def keep(side: Side) -> None:
        side.known[kept] = str(int(time.time()) + seconds)

    return [Do(18, what, keep), service(what, "ian", exp=f"<{kept}>", **params)]


_LXM = "app.bsky.feed.getFeedSkeleton"
_PROTECTED = (
    "com.atproto.admin.sendEmail", "com.atproto.identity.requestPlcOperationSignature",
    "com.atproto.identity.signPlcOperation", "com.atproto.identity.updateHandle",
    f"{SERVER}activateAccount", f"{SERVER}confirmEmail", f"{SERVER}createAppPassword",
    f"{SERVER}deactivateAccount", f"{SERVER}getAccountInviteCodes", f"{SERVER}getSession",
    f"{SERVER}listAppPasswords", f"{SERVER}requestAccountDelete",
    f"{SERVER}requestEmailConfirmation", f"{SERVER}requestEmailUpdate",
    f"{SERVER}revokeAppPassword", f"{SERVER}updateEmail", f"{SERVER}deleteSession",
    f"{SERVER}createSession", "com.atproto.repo.createRecord", "com.atproto.repo.uploadBlob",
    f"{SERVER}deleteAccount", "com.atproto.identity.submitPlcOperation",
)  # fmt: skip

_SERVICE_AUTH: list[Step] = [
    opened("ian"),
    get(18, "a token", SERVICE, "ian", aud="did:web:other.test", lxm=_LXM, keep={"t.one": "token"}),
    claims(18, "what it says", "t.one"),
    get(
        18,
        "a token without lxm",
        SERVICE,
        "ian",
        aud="did:web:other.test#svc",
        keep={"t.two": "token"},
    ),
    claims(18, "what that says", "t.two"),
    service("without aud", "ian", aud=None),
    service("with a bad aud", "ian", aud="nobody"),
    service("with two fragments", "ian", aud="did:web:other.test#a#b"),
    service("with an empty fragment", "ian", aud="did:web:other.test#"),
    service("with a bad lxm", "ian", lxm="nothing"),
    service("with an empty lxm", "ian", lxm=""),
    service("with a bad exp", "ian", exp="soon"),
    service("with exp 0", "ian", exp="0"),
    *expiring("in the past", -10),
    *expiring("in 50 s", 50),
    *expiring("in 100 s without lxm", 100),
    *expiring("in 100 s with lxm", 101, lxm=_LXM),
    *expiring("in 59 minutes", 3540, lxm=_LXM),
    *expiring("in 2 hours", 7200, lxm=_LXM),
    *(service(f"for {lxm}", "ian", lxm=lxm) for lxm in _PROTECTED),
    get(18, "a service token is no session", SESSION, "t.one"),
    call(18, "nor for writes", "com.atproto.repo.deleteRecord", "t.one"),
]

SCENES = (
    Scene("logins", _LOGINS),
    Scene("rotation", _ROTATION),
    Scene("app passwords", _APP_PASSWORDS),
    Scene("service tokens", _SERVICE_AUTH),
)

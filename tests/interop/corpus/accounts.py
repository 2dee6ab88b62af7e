"""Lines 13-16, 19-22: sign-up, invite codes, states of an account, mail, deletion."""

from typing import Any

from tests.interop.asking import (
    PASSWORD,
    Ask,
    Scene,
    Step,
    call,
    get,
    letter,
    opened,
    post,
    signed_in,
    upload,
)

SERVER = "com.atproto.server."
CREATE = f"{SERVER}createAccount"
WRITE = "com.atproto.repo.createRecord"
_BAD_DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"


def sign_up(what: str, line: int = 13, who: str = "", **fields: Any) -> Ask:
    """Try to open an account; None leaves a field out."""
    given = {"handle": "jan.test", "email": "other@mail.test", "password": PASSWORD, **fields}
    sent = {name: value for name, value in given.items() if value is not None}
    return post(line, f"sign up: {what}", CREATE, who, **sent)


_SIGN_UP: list[Step] = [
    opened("jan"),
    sign_up("handle taken"),
    sign_up("handle taken, upper case", handle="JAN.TEST"),
    sign_up("two characters", handle="ab.test"),
    sign_up("one character", handle="a.test"),
    sign_up("19 characters", handle="a" * 19 + ".test"),
    sign_up("64 characters", handle="a" * 64 + ".test"),
    sign_up("a dot within", handle="a.bcd.test"),
    sign_up("underscore", handle="a_bcd.test"),
    sign_up("hyphen first", handle="-abcd.test"),
    sign_up("hyphen last", handle="abcd-.test"),
    sign_up("umlaut", handle="jän.test"),
    sign_up("space", handle="j an.test"),
    sign_up("domain alone", handle=".test"),
    sign_up("domain without dot", handle="test"),
    sign_up("reserved: admin", handle="admin.test"),
    sign_up("reserved: www", handle="www.test"),
    sign_up("reserved: support", handle="support.test"),
    sign_up("foreign domain", handle="jan.elsewhere.com"),
    sign_up(".onion", handle="jan.onion"),
    sign_up(".local", handle="jan.local"),
    sign_up(".arpa", handle="jan.arpa"),
    sign_up(".invalid", handle="jan.invalid"),
    sign_up(".localhost", handle="jan.localhost"),
    sign_up(".internal", handle="jan.internal"),
    sign_up(".example", handle="jan.example"),
    sign_up(".alt", handle="jan.alt"),
    sign_up("at-handle", handle="@jano.test"),
    sign_up("no handle", handle=None),
    sign_up("empty handle", handle=""),
    sign_up("handle is a DID", handle=_BAD_DID),
    sign_up("no e-mail", handle="jana.test", email=None),
    sign_up("empty e-mail", handle="jana.test", email=""),
    sign_up("malformed e-mail", handle="jana.test", email="nobody"),
    sign_up("e-mail with a space", handle="jana.test", email="no body@mail.test"),
    sign_up("e-mail without TLD", handle="jana.test", email="nobody@localhost"),
    sign_up("e-mail taken", handle="jana.test", email="jan@mail.test"),
    sign_up("e-mail taken, upper case", handle="jana.test", email="Jan@Mail.test"),
    sign_up("throw-away e-mail", handle="jana.test", email="jana@mailinator.com"),
    sign_up("no password", handle="jana.test", password=None),
    sign_up("empty password", handle="jana.test", password=""),
    sign_up("password of 257", handle="janb.test", email="janb@mail.test", password="x" * 257),
    sign_up("password of 256", handle="janc.test", email="janc@mail.test", password="x" * 256),
    sign_up("short password", handle="jand.test", email="jand@mail.test", password="x"),
    sign_up("plcOp", handle="jane.test", email="jane@mail.test", plcOp={"type": "x"}),
    sign_up("invite code unneeded", handle="janf.test", email="janf@mail.test", inviteCode="x-y"),
    sign_up("phone", handle="jang.test", email="jang@mail.test", verificationPhone="1",
            verificationCode="2"),
    sign_up("recovery key", 16, handle="janh.test", email="janh@mail.test",
            recoveryKey="did:key:zQ3shunBKsXixLxKtC5qeSG9E4J5RkGN57im31pcTzbNQnm5w"),
    sign_up("bad recovery key", 16, handle="jani.test", email="jani@mail.test", recoveryKey="x"),
    sign_up("foreign DID, no token", 15, handle="janj.test", email="janj@mail.test", did=_BAD_DID),
    sign_up("foreign DID, session token", 15, "jan", handle="janj.test", email="janj@mail.test",
            did=_BAD_DID),
    sign_up("malformed DID", 15, handle="janj.test", email="janj@mail.test", did="x"),
    sign_up("own session token", 15, "jan", handle="jank.test", email="jank@mail.test"),
    get(13, "handle of nobody", "com.atproto.identity.resolveHandle", handle="janj.test"),
]  # fmt: skip

_CODES: dict[str, Any] = {"code.one": "code"}
_INVITES: list[Step] = [
    get(14, "the server wants codes", f"{SERVER}describeServer"),
    sign_up("no code", 14),
    sign_up("empty code", 14, inviteCode=""),
    sign_up("unknown code", 14, inviteCode="localhost-aaaaa-bbbbb"),
    post(14, "a code by nobody", f"{SERVER}createInviteCode", useCount=1),
    post(14, "a code", f"{SERVER}createInviteCode", "operator", useCount=1, keep=_CODES),
    post(14, "a code without uses", f"{SERVER}createInviteCode", "operator"),
    sign_up("bad handle with a code", 14, inviteCode="<code.one>", handle="a.test"),
    sign_up("no e-mail with a code", 14, inviteCode="<code.one>", email=None),
    opened("kim", inviteCode="<code.one>"),
    sign_up("spent code", 14, inviteCode="<code.one>"),
    post(14, "a code for kim", f"{SERVER}createInviteCode", "operator", useCount=2,
         forAccount="<kim.did>", keep={"code.two": "code"}),
    post(14, "codes", f"{SERVER}createInviteCodes", "operator", useCount=1, codeCount=2,
         forAccounts=["<kim.did>"]),
    post(14, "codes for the operator", f"{SERVER}createInviteCodes", "operator", useCount=1,
         codeCount=1, keep={"code.three": "codes.0.codes.0"}),
    get(14, "her codes", f"{SERVER}getAccountInviteCodes", "kim"),
    get(14, "her codes, not used", f"{SERVER}getAccountInviteCodes", "kim", includeUsed="false"),
    get(14, "her codes, none made", f"{SERVER}getAccountInviteCodes", "kim",
        createAvailable="false"),
    opened("lea", inviteCode="<code.two>"),
    get(14, "her codes after one use", f"{SERVER}getAccountInviteCodes", "kim"),
    get(14, "who invited", "com.atproto.admin.getAccountInfo", "operator", did="<lea.did>"),
    get(14, "all codes", "com.atproto.admin.getInviteCodes", "operator", limit=100),
    get(14, "all codes by use", "com.atproto.admin.getInviteCodes", "operator", sort="usage"),
    get(14, "all codes, bad order", "com.atproto.admin.getInviteCodes", "operator", sort="x"),
    get(14, "one code", "com.atproto.admin.getInviteCodes", "operator", limit=1,
        keep={"codes.cursor": "cursor"}),
    get(14, "the next code", "com.atproto.admin.getInviteCodes", "operator", limit=1,
        cursor="<codes.cursor>"),
    get(14, "bad cursor", "com.atproto.admin.getInviteCodes", "operator", cursor="x"),
    post(14, "disable", "com.atproto.admin.disableInviteCodes", "operator", codes=["<code.three>"]),
    sign_up("disabled code", 14, inviteCode="<code.three>"),
    post(14, "disable a person's", "com.atproto.admin.disableInviteCodes", "operator",
         accounts=["<kim.did>"]),
    sign_up("disabled with its person", 14, inviteCode="<code.two>"),
    post(14, "disable the operator's", "com.atproto.admin.disableInviteCodes", "operator",
         accounts=["admin"]),
    post(14, "disable nothing", "com.atproto.admin.disableInviteCodes", "operator"),
    post(14, "no invites for kim", "com.atproto.admin.disableAccountInvites", "operator",
         account="<kim.did>", note="why"),
    get(14, "kim without invites", "com.atproto.admin.getAccountInfo", "operator", did="<kim.did>"),
    get(14, "her codes now", f"{SERVER}getAccountInviteCodes", "kim"),
    post(14, "invites for kim", "com.atproto.admin.enableAccountInvites", "operator",
         account="<kim.did>"),
    post(14, "invites for nobody", "com.atproto.admin.enableAccountInvites", "operator",
         account=_BAD_DID),
    post(14, "a code for 0 uses", f"{SERVER}createInviteCode", "operator", useCount=0),
    post(14, "a code for -1 uses", f"{SERVER}createInviteCode", "operator", useCount=-1),
]  # fmt: skip


def _reads(line: int, name: str, state: str, who: str = "") -> list[Step]:
    """Everything that may be read of an account."""
    did = f"<{name}.did>"
    sync = "com.atproto.sync."
    where = {"did": did}
    seen = f"{state}{' by ' + who if who else ''}"
    return [
        get(line, f"{seen}: getRepo", f"{sync}getRepo", who, **where),
        get(line, f"{seen}: getLatestCommit", f"{sync}getLatestCommit", who, **where),
        get(line, f"{seen}: getHead", f"{sync}getHead", who, **where),
        get(line, f"{seen}: getCheckout", f"{sync}getCheckout", who, **where),
        get(line, f"{seen}: getRepoStatus", f"{sync}getRepoStatus", who, **where),
        get(line, f"{seen}: listBlobs", f"{sync}listBlobs", who, **where),
        get(line, f"{seen}: getBlocks", f"{sync}getBlocks", who, cids=f"<{name}.cid>", **where),
        get(line, f"{seen}: sync.getRecord", f"{sync}getRecord", who, rkey="one",
            collection="com.example.thing", **where),
        get(line, f"{seen}: getRecord", "com.atproto.repo.getRecord", who, repo=did, rkey="one",
            collection="com.example.thing"),
        get(line, f"{seen}: listRecords", "com.atproto.repo.listRecords", who, repo=did,
            collection="com.example.thing"),
        get(line, f"{seen}: describeRepo", "com.atproto.repo.describeRepo", who, repo=did),
        get(line, f"{seen}: resolveHandle", "com.atproto.identity.resolveHandle", who,
            handle=f"<{name}.handle>"),
        get(line, f"{seen}: well-known", "/.well-known/atproto-did",
            headers={"Host": f"<{name}.handle>"}),
        get(line, f"{seen}: account info", "com.atproto.admin.getAccountInfo", "operator", **where),
        get(line, f"{seen}: subject status", "com.atproto.admin.getSubjectStatus", "operator",
            **where),
    ]  # fmt: skip


def _acts(line: int, name: str, state: str, who: str) -> list[Step]:
    """What its owner may do."""
    did = f"<{name}.did>"
    place = {"repo": did, "collection": "com.example.thing"}
    return [
        post(line, f"{state}: createRecord", WRITE, who, record={"a": 1}, **place),
        post(line, f"{state}: putRecord", "com.atproto.repo.putRecord", who, record={"a": 2},
             rkey="two", **place),
        post(line, f"{state}: deleteRecord", "com.atproto.repo.deleteRecord", who, rkey="two",
             **place),
        post(line, f"{state}: applyWrites", "com.atproto.repo.applyWrites", who, repo=did, writes=[
            {"$type": "com.atproto.repo.applyWrites#create", "collection": "com.example.thing",
             "value": {"a": 3}}]),
        upload(line, f"{state}: uploadBlob", who, b"blob of " + name.encode(), "text/plain"),
        get(line, f"{state}: getSession", f"{SERVER}getSession", who),
        get(line, f"{state}: checkAccountStatus", f"{SERVER}checkAccountStatus", who),
        get(line, f"{state}: getServiceAuth", f"{SERVER}getServiceAuth", who,
            aud="did:web:other.test", lxm="app.bsky.feed.getFeedSkeleton"),
        get(line, f"{state}: getPreferences", "app.bsky.actor.getPreferences", who),
        get(line, f"{state}: proxied", "app.bsky.feed.getTimeline", who, limit=5),
        get(line, f"{state}: listAppPasswords", f"{SERVER}listAppPasswords", who),
        post(line, f"{state}: createAppPassword", f"{SERVER}createAppPassword", who, name=state),
        get(line, f"{state}: listMissingBlobs", "com.atproto.repo.listMissingBlobs", who),
        post(line, f"{state}: updateHandle", "com.atproto.identity.updateHandle", who,
             handle=f"<{name}.handle>"),
        get(line, f"{state}: recommended credentials",
            "com.atproto.identity.getRecommendedDidCredentials", who),
    ]  # fmt: skip


def _prepared(name: str) -> list[Step]:
    place = {"repo": f"<{name}.did>", "collection": "com.example.thing", "rkey": "one"}
    return [opened(name), post(23, f"a record of {name}", WRITE, name, record={"a": 1}, **place,
                               keep={f"{name}.cid": "cid"})]  # fmt: skip


def refreshed(line: int, what: str, who: str) -> Ask:
    return call(line, what, f"{SERVER}refreshSession", f"{who}.refresh")


_DEACTIVATED: list[Step] = [
    *_prepared("mia"),
    post(19, "deactivate", f"{SERVER}deactivateAccount", "mia"),
    post(19, "deactivate again", f"{SERVER}deactivateAccount", "mia"),
    *_reads(19, "mia", "deactivated"),
    *_reads(19, "mia", "deactivated", "mia"),
    *_reads(19, "mia", "deactivated", "operator"),
    *_acts(19, "mia", "deactivated", "mia"),
    signed_in("mia", line=19),
    refreshed(19, "refresh while deactivated", "mia"),
    call(19, "activate", f"{SERVER}activateAccount", "mia"),
    get(19, "active again", f"{SERVER}getSession", "mia"),
    call(19, "activate again", f"{SERVER}activateAccount", "mia"),
    post(19, "deactivate with a date", f"{SERVER}deactivateAccount", "mia",
         deleteAfter="2030-01-01T00:00:00.000Z"),
    post(19, "deactivate with a bad date", f"{SERVER}deactivateAccount", "mia", deleteAfter="x"),
]  # fmt: skip


def taken_down(line: int, name: str, applied: bool) -> Ask:
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": f"<{name}.did>"}
    takedown = {"applied": applied, "ref": "test"} if applied else {"applied": False}
    what = f"take {name} {'down' if applied else 'up'}"
    nsid = "com.atproto.admin.updateSubjectStatus"
    return post(line, what, nsid, "operator", subject=subject, takedown=takedown)


_TAKEN_DOWN: list[Step] = [
    *_prepared("nat"),
    taken_down(48, "nat", True),
    *_reads(48, "nat", "taken down"),
    *_reads(48, "nat", "taken down", "operator"),
    *_acts(48, "nat", "taken down", "nat"),
    refreshed(48, "refresh while taken down", "nat"),
    post(48, "login while taken down", f"{SERVER}createSession", identifier="nat.test",
         password=PASSWORD),
    post(48, "wrong login while taken down", f"{SERVER}createSession", identifier="nat.test",
         password="wrong"),
    signed_in("nat", "nat2", line=48, allowTakendown=True),
    *_reads(48, "nat", "taken down", "nat2"),
    *_acts(48, "nat", "signed in to leave", "nat2"),
    refreshed(48, "refresh when signed in to leave", "nat2"),
    post(48, "deactivate when signed in to leave", f"{SERVER}deactivateAccount", "nat2"),
    call(48, "ask for deletion when signed in to leave", f"{SERVER}requestAccountDelete", "nat2"),
    get(48, "a token to move out", f"{SERVER}getServiceAuth", "nat2", aud="did:web:other.test",
        lxm=CREATE),
    taken_down(48, "nat", False),
    get(48, "up again", f"{SERVER}getSession", "nat"),
    refreshed(48, "refresh when up again", "nat"),
]  # fmt: skip

_STRANGERS: list[Step] = [
    *_prepared("ole"),
    opened("pia"),
    post(20, "write to nobody's repo", WRITE, "ole", repo=_BAD_DID, collection="com.example.thing",
         record={}),
    post(20, "write to an unknown handle's", WRITE, "ole", repo="nobody.test",
         collection="com.example.thing", record={}),
    post(20, "write to another's", WRITE, "ole", repo="<pia.did>", collection="com.example.thing",
         record={}),
    post(20, "write by handle", WRITE, "ole", repo="ole.test", collection="com.example.thing",
         record={}),
    post(20, "write by handle in upper case", WRITE, "ole", repo="OLE.test",
         collection="com.example.thing", record={}),
    post(20, "delete in another's", "com.atproto.repo.deleteRecord", "ole", repo="<pia.did>",
         collection="com.example.thing", rkey="x"),
    post(20, "put in nobody's", "com.atproto.repo.putRecord", "ole", repo=_BAD_DID, record={},
         collection="com.example.thing", rkey="x"),
    post(20, "apply in another's", "com.atproto.repo.applyWrites", "ole", repo="<pia.did>",
         writes=[]),
]  # fmt: skip

_MAIL: list[Step] = [
    opened("quin"),
    opened("quirin"),
    post(21, "confirm without a letter", f"{SERVER}confirmEmail", "quin", email="quin@mail.test",
         token="AAAAA-BBBBB"),
    call(21, "ask to confirm", f"{SERVER}requestEmailConfirmation", "quin"),
    letter(21, "quin", "mail.confirm"),
    post(21, "confirm another address", f"{SERVER}confirmEmail", "quin", email="x@mail.test",
         token="<mail.confirm>"),
    post(21, "confirm with a wrong code", f"{SERVER}confirmEmail", "quin", email="quin@mail.test",
         token="AAAAA-BBBBB"),
    post(21, "update needs no code yet", f"{SERVER}requestEmailUpdate", "quin", params=()),
    call(21, "ask to update, not confirmed", f"{SERVER}requestEmailUpdate", "quin"),
    post(21, "update with a wrong code", f"{SERVER}updateEmail", "quin", email="quin@mail.test",
         token="AAAAA-BBBBB"),
    post(21, "confirm", f"{SERVER}confirmEmail", "quin", email="QUIN@mail.test",
         token="<mail.confirm>"),
    get(21, "confirmed", f"{SERVER}getSession", "quin"),
    post(21, "confirm twice", f"{SERVER}confirmEmail", "quin", email="quin@mail.test",
         token="<mail.confirm>"),
    post(21, "update without the code", f"{SERVER}updateEmail", "quin", email="quin2@mail.test"),
    call(21, "ask to update", f"{SERVER}requestEmailUpdate", "quin"),
    letter(21, "quin", "mail.update"),
    post(21, "update to a taken address", f"{SERVER}updateEmail", "quin", email="quirin@mail.test",
         token="<mail.update>"),
    post(21, "update to nonsense", f"{SERVER}updateEmail", "quin", email="nonsense",
         token="<mail.update>"),
    post(21, "update", f"{SERVER}updateEmail", "quin", email="quin2@mail.test",
         token="<mail.update>"),
    get(21, "not confirmed any more", f"{SERVER}getSession", "quin"),
    post(21, "ask to reset for nobody", f"{SERVER}requestPasswordReset", email="none@mail.test"),
    post(21, "ask to reset for nonsense", f"{SERVER}requestPasswordReset", email="x"),
    post(21, "reset with a wrong code", f"{SERVER}resetPassword", token="AAAAA-BBBBB",
         password="new one"),
    post(22, "delete without a letter", f"{SERVER}deleteAccount", did="<quin.did>",
         password=PASSWORD,
         token="AAAAA-BBBBB"),
    post(21, "ask to reset", f"{SERVER}requestPasswordReset", email="Quin2@mail.test"),
    letter(21, "quin", "mail.reset", "quin2@mail.test"),
    post(21, "reset to nothing", f"{SERVER}resetPassword", token="AAAAA-BBBBB", password=""),
    post(21, "reset to too much", f"{SERVER}resetPassword", token="<mail.reset>",
         password="x" * 257),
    post(21, "reset", f"{SERVER}resetPassword", token="<mail.reset>", password="new password"),
    post(21, "reset again", f"{SERVER}resetPassword", token="<mail.reset>",
         password="new password"),
    refreshed(21, "refresh after the reset", "quin"),
    signed_in("quin", line=21, password="new password"),
    call(22, "ask to delete", f"{SERVER}requestAccountDelete", "quin"),
    letter(22, "quin", "mail.delete", "quin2@mail.test"),
    post(22, "delete with a wrong password", f"{SERVER}deleteAccount", did="<quin.did>",
         password="wrong", token="<mail.delete>"),
    post(22, "delete with a wrong code", f"{SERVER}deleteAccount", did="<quin.did>",
         password="new password", token="AAAAA-BBBBB"),
    post(22, "delete an unknown", f"{SERVER}deleteAccount", did=_BAD_DID,
         password="new password", token="<mail.delete>"),
    post(22, "delete", f"{SERVER}deleteAccount", did="<quin.did>", password="new password",
         token="<mail.delete>"),
    post(22, "delete again", f"{SERVER}deleteAccount", did="<quin.did>", password="new password",
         token="<mail.delete>"),
    *_reads(22, "quin", "deleted"),
    *_acts(22, "quin", "deleted", "quin"),
    refreshed(22, "refresh after deletion", "quin"),
    opened("quin3", handle="quin.test", email="quin2@mail.test"),
]  # fmt: skip

SCENES = (
    Scene("sign-up", _SIGN_UP),
    Scene("invites", _INVITES, invites=True),
    Scene("deactivated", _DEACTIVATED),
    Scene("taken down", _TAKEN_DOWN),
    Scene("others' repos", _STRANGERS),
    Scene("mail", _MAIL),
)

"""Lines 49-50: what the operator may do."""

from typing import Any

from tests.interop.asking import Ask, Scene, Step, get, opened, post, post_record

ADMIN = "com.atproto.admin."
STATUS = f"{ADMIN}updateSubjectStatus"
_NOBODY = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
_CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
_REPO = "com.atproto.admin.defs#repoRef"
_RECORD = "com.atproto.repo.strongRef"
_BLOB = "com.atproto.admin.defs#repoBlobRef"
POST = "app.bsky.feed.post"


def status(what: str, **params: Any) -> Ask:
    return get(50, f"status of {what}", f"{ADMIN}getSubjectStatus", "operator", **params)


def mark(what: str, subject: Any, line: int = 50, **more: Any) -> Ask:
    more = more or {"takedown": {"applied": True, "ref": "x"}}
    return post(line, f"mark {what}", STATUS, "operator", subject=subject, **more)


def change(what: str, method: str, **fields: Any) -> Ask:
    return post(50, what, f"{ADMIN}{method}", "operator", **fields)


_PLACE = {"repo": "<fia.did>", "collection": POST, "rkey": "3jzfcijpj2z2a"}
_URI = f"at://<fia.did>/{POST}/3jzfcijpj2z2a"
_REF = {"$type": _RECORD, "uri": _URI, "cid": "<fia.cid>"}

_METHODS: list[tuple[str, dict[str, str]]] = [
    ("getAccountInfo", {"did": "<fia.did>"}),
    ("getAccountInfos", {"dids": "<fia.did>"}),
    ("getInviteCodes", {}),
    ("getSubjectStatus", {"did": "<fia.did>"}),
    ("searchAccounts", {}),
]

_ADMIN: list[Step] = [
    opened("fia"),
    opened("gil"),
    *(get(50, f"{name} by nobody", ADMIN + name, **params) for name, params in _METHODS),
    *(get(50, f"{name} by a member", ADMIN + name, "fia", **params) for name, params in _METHODS),
    *(get(50, f"{name} with a wrong password", ADMIN + name, headers={"Authorization":
        "Basic YWRtaW46d3Jvbmc="}, **params) for name, params in _METHODS),
    get(50, "with another user name", f"{ADMIN}getAccountInfo", did="<fia.did>",
        headers={"Authorization": "Basic cm9vdDp3cm9uZw=="}),
    get(50, "with broken base64", f"{ADMIN}getAccountInfo", did="<fia.did>",
        headers={"Authorization": "Basic %%%"}),
    get(50, "with no colon", f"{ADMIN}getAccountInfo", did="<fia.did>",
        headers={"Authorization": "Basic YWRtaW4="}),
    get(50, "info", f"{ADMIN}getAccountInfo", "operator", did="<fia.did>"),
    get(50, "info of nobody", f"{ADMIN}getAccountInfo", "operator", did=_NOBODY),
    get(50, "info of nonsense", f"{ADMIN}getAccountInfo", "operator", did="x"),
    get(50, "infos", f"{ADMIN}getAccountInfos", "operator", dids=["<fia.did>", _NOBODY]),
    get(50, "infos of two", f"{ADMIN}getAccountInfos", "operator", dids=["<gil.did>", "<fia.did>"]),
    get(50, "infos of none", f"{ADMIN}getAccountInfos", "operator"),
    status("a repo", did="<fia.did>"),
    status("nothing"),
    status("nobody", did=_NOBODY),
    status("nonsense", did="x"),
    post(49, "a post", "com.atproto.repo.createRecord", "fia", record=post_record("hi"), **_PLACE,
         keep={"fia.cid": "cid"}),
    status("a record", uri=_URI),
    status("a missing record", uri=f"at://<fia.did>/{POST}/zzz"),
    status("a record of nobody", uri=f"at://{_NOBODY}/{POST}/zzz"),
    status("a repo by URI", uri="at://<fia.did>"),
    status("a bad URI", uri="x"),
    status("a blob without DID", blob=_CID),
    status("a missing blob", blob=_CID, did="<fia.did>"),
    status("a bad blob", blob="x", did="<fia.did>"),
    mark("a record", _REF, 49),
    status("a record taken down", uri=_URI),
    get(49, "get it", "com.atproto.repo.getRecord", **_PLACE),
    get(49, "get it as its owner", "com.atproto.repo.getRecord", "fia", **_PLACE),
    get(49, "list it", "com.atproto.repo.listRecords", repo="<fia.did>", collection=POST),
    get(49, "prove it", "com.atproto.sync.getRecord", did="<fia.did>", collection=POST,
        rkey="3jzfcijpj2z2a"),
    get(49, "archive it", "com.atproto.sync.getRepo", did="<fia.did>"),
    post(49, "put it again", "com.atproto.repo.putRecord", "fia", record=post_record("new"),
         **_PLACE),
    get(49, "get the new one", "com.atproto.repo.getRecord", **_PLACE),
    mark("it up", _REF, 49, takedown={"applied": False}),
    get(49, "get it again", "com.atproto.repo.getRecord", **_PLACE),
    mark("nobody", {"$type": _REPO, "did": _NOBODY}),
    mark("a missing record", {"$type": _RECORD, "uri": f"at://<fia.did>/{POST}/zzz", "cid": _CID}),
    mark("a missing blob", {"$type": _BLOB, "did": "<fia.did>", "cid": _CID}),
    mark("an unknown subject", {"$type": "com.example.what"}),
    mark("no type", {"did": "<fia.did>"}),
    mark("a bad DID", {"$type": _REPO, "did": "x"}),
    mark("a text", "x"),
    mark("without applied", {"$type": _REPO, "did": "<gil.did>"}, takedown={}),
    mark("as inactive", {"$type": _REPO, "did": "<gil.did>"}, deactivated={"applied": True}),
    status("the inactive one", did="<gil.did>"),
    mark("as active", {"$type": _REPO, "did": "<gil.did>"}, deactivated={"applied": False}),
    change("e-mail", "updateAccountEmail", account="<gil.did>", email="gil2@mail.test"),
    change("e-mail by handle", "updateAccountEmail", account="gil.test", email="gil3@mail.test"),
    change("e-mail taken", "updateAccountEmail", account="<gil.did>", email="fia@mail.test"),
    change("e-mail malformed", "updateAccountEmail", account="<gil.did>", email="x"),
    change("e-mail of nobody", "updateAccountEmail", account=_NOBODY, email="x@mail.test"),
    change("handle", "updateAccountHandle", did="<gil.did>", handle="gilbert.test"),
    change("handle reserved", "updateAccountHandle", did="<gil.did>", handle="support.test"),
    change("handle short", "updateAccountHandle", did="<gil.did>", handle="g.test"),
    change("handle taken", "updateAccountHandle", did="<gil.did>", handle="fia.test"),
    change("handle foreign", "updateAccountHandle", did="<gil.did>", handle="gil.example.com"),
    change("handle of nobody", "updateAccountHandle", did=_NOBODY, handle="nobody.test"),
    change("password", "updateAccountPassword", did="<gil.did>", password="a new one"),
    change("password empty", "updateAccountPassword", did="<gil.did>", password=""),
    change("password too long", "updateAccountPassword", did="<gil.did>", password="x" * 257),
    change("password of nobody", "updateAccountPassword", did=_NOBODY, password="x"),
    change("mail", "sendEmail", recipientDid="<gil.did>", content="hello", senderDid=_NOBODY),
    change("mail with a subject", "sendEmail", recipientDid="<gil.did>", content="hello",
           senderDid=_NOBODY, subject="x", comment="y"),
    change("mail to nobody", "sendEmail", recipientDid=_NOBODY, content="x", senderDid=_NOBODY),
    change("mail without content", "sendEmail", recipientDid="<gil.did>", senderDid=_NOBODY),
    change("delete", "deleteAccount", did="<gil.did>"),
    change("delete again", "deleteAccount", did="<gil.did>"),
    change("delete nonsense", "deleteAccount", did="x"),
    get(50, "info of the deleted", f"{ADMIN}getAccountInfo", "operator", did="<gil.did>"),
    get(50, "status of the deleted", f"{ADMIN}getSubjectStatus", "operator", did="<gil.did>"),
    get(50, "search", f"{ADMIN}searchAccounts", "operator", email="fia@mail.test"),
    post(50, "report", "com.atproto.moderation.createReport", "fia", reasonType=
         "com.atproto.moderation.defs#reasonSpam", subject={"$type": _REPO, "did": "<fia.did>"}),
]  # fmt: skip

SCENES = (Scene("admin", _ADMIN),)

"""Lines 44-47: handles and their hosts, operations on the DID, import of a repo."""

import base64
from typing import Any

import orjson

from tests.interop.asking import PASSWORD, Ask, Do, Scene, Step, call, get, letter, opened, post
from tests.interop.sides import Side

ID = "com.atproto.identity."
SERVER = "com.atproto.server."
IMPORT = "com.atproto.repo.importRepo"
CAR = {"Content-Type": "application/vnd.ipld.car"}
_WELL_KNOWN = "/.well-known/atproto-did"
_FOREIGN_KEY = "did:key:zQ3shunBKsXixLxKtC5qeSG9E4J5RkGN57im31pcTzbNQnm5w"
_FALSE_SIGNATURE = base64.urlsafe_b64encode(b"x" * 64).decode().rstrip("=")


def host(what: str, name: str, **more: Any) -> Ask:
    return get(44, f"host {what}", _WELL_KNOWN, headers={"Host": name}, **more)


def rename(what: str, handle: str, who: str = "abe") -> Ask:
    return post(44, f"handle: {what}", f"{ID}updateHandle", who, handle=handle)


_HANDLES: list[Step] = [
    opened("abe"),
    opened("bob"),
    host("plain", "abe.test"),
    host("with a port", "abe.test:1234"),
    host("in upper case", "ABE.test"),
    host("unknown", "nobody.test"),
    host("malformed", "a_b.test"),
    host("of the server", "localhost"),
    get(44, "a method at a handle's host", f"{SERVER}describeServer", headers={"Host": "abe.test"}),
    get(44, "resolve", f"{ID}resolveHandle", handle="abe.test"),
    get(44, "resolve in upper case", f"{ID}resolveHandle", handle="ABE.test"),
    get(44, "resolve nobody", f"{ID}resolveHandle", handle="nobody.test"),
    get(44, "resolve nonsense", f"{ID}resolveHandle", handle="x"),
    get(44, "resolve nothing", f"{ID}resolveHandle"),
    get(44, "resolve what no DNS has", f"{ID}resolveHandle", handle="nobody.invalid"),
    rename("another", "abel.test"),
    rename("in upper case", "ABLE.test"),
    get(44, "renamed", f"{SERVER}getSession", "abe"),
    rename("the same", "able.test"),
    rename("taken", "bob.test"),
    rename("too short", "ab.test"),
    rename("reserved", "admin.test"),
    rename("with a dot", "a.bc.test"),
    rename("malformed", "a_b.test"),
    rename("foreign", "abe.example.com"),
    rename("foreign, disallowed", "abe.onion"),
    rename("invalid", "handle.invalid"),
    host("old", "abe.test"),
    host("new", "able.test"),
    get(44, "describe after it", "com.atproto.repo.describeRepo", repo="able.test"),
    get(45, "recommended credentials", f"{ID}getRecommendedDidCredentials", "abe"),
    get(45, "the document of this server", "/.well-known/did.json"),
    post(45, "reserve a key", f"{SERVER}reserveSigningKey", keep={"key.one": "signingKey"}),
    post(45, "reserve a key for a DID", f"{SERVER}reserveSigningKey", did="<bob.did>"),
    post(45, "reserve a key for nonsense", f"{SERVER}reserveSigningKey", did="x"),
]


def submit(what: str, kept: str, **changes: Any) -> list[Step]:
    """Submit a signed operation with changes; the signature is then wrong as well."""

    async def change(side: Side) -> None:
        operation = orjson.loads(side.known.get(kept, "{}"))
        side.known["op.next"] = orjson.dumps({**operation, **side.fill(changes)}).decode()

    body = '{"operation":<op.next>}'
    return [
        Do(45, what, change),
        Ask(45, f"submit {what}", f"{ID}submitPlcOperation", "POST", who="cal", body=body,
            headers={"Content-Type": "application/json"}),
    ]  # fmt: skip


_OPERATIONS: list[Step] = [
    opened("cal"),
    post(45, "sign without a code", f"{ID}signPlcOperation", "cal"),
    post(45, "sign with a wrong code", f"{ID}signPlcOperation", "cal", token="AAAAA-BBBBB"),
    call(45, "ask for a code", f"{ID}requestPlcOperationSignature", "cal"),
    letter(45, "cal", "plc.code"),
    post(45, "sign", f"{ID}signPlcOperation", "cal", token="<plc.code>",
         keep={"op.good": "operation"}),
    post(45, "sign again", f"{ID}signPlcOperation", "cal", token="<plc.code>"),
    *submit("an empty operation", "op.none"),
    *submit("without our rotation key", "op.good", rotationKeys=[_FOREIGN_KEY]),
    *submit("with another PDS", "op.good", services={"atproto_pds": {
        "type": "AtprotoPersonalDataServer", "endpoint": "https://elsewhere.test"}}),
    *submit("with another type of PDS", "op.good", services={"atproto_pds": {
        "type": "Other", "endpoint": "<server.url>"}}),
    *submit("with another signing key", "op.good", verificationMethods={"atproto": _FOREIGN_KEY}),
    *submit("with another handle", "op.good", alsoKnownAs=["at://other.test"]),
    *submit("with a bad signature", "op.good", sig=_FALSE_SIGNATURE),
    *submit("as it is", "op.good"),
    *submit("twice", "op.good"),
    post(45, "submit a text", f"{ID}submitPlcOperation", "cal", operation="x"),
    post(45, "submit nothing", f"{ID}submitPlcOperation", "cal"),
    post(45, "submit a tombstone", f"{ID}submitPlcOperation", "cal",
         operation={"type": "plc_tombstone", "prev": "x", "sig": "y"}),
]  # fmt: skip


def archive(kept: str, name: str) -> Do:
    """Keep an account's archive."""

    async def fetch(side: Side) -> None:
        url = f"{side.url}/xrpc/com.atproto.sync.getRepo?did={side.known[f'{name}.did']}"
        headers = {"Accept-Encoding": "identity"}
        async with side.http.get(url, headers=headers) as answer:
            side.known[kept] = (await answer.read()).hex()

    return Do(46, f"fetch {kept}", fetch)


def imported(what: str, kept: str, who: str = "dot", cut: int = 0) -> Do:
    """Import a kept archive; compare status and error."""

    async def put(side: Side) -> Any:
        data = bytes.fromhex(side.known[kept])
        headers = {**CAR, "Authorization": f"Bearer {side.known[who + '.access']}"}
        url = f"{side.url}/xrpc/{IMPORT}"
        async with side.http.post(url, data=data[: len(data) - cut], headers=headers) as answer:
            told = orjson.loads(await answer.read() or b"{}")
            return {"status": answer.status, "error": told.get("error")}

    return Do(46, what, put)


def wrote(rkey: str, **record: Any) -> Ask:
    what = f"dot writes {rkey} {record}"
    place = {"repo": "<dot.did>", "collection": "com.example.thing", "rkey": rkey}
    return post(46, what, "com.atproto.repo.putRecord", "dot", record=record, **place)


def nonsense(what: str, body: bytes, **headers: str) -> Ask:
    return Ask(
        46, f"import {what}", IMPORT, "POST", who="dot", body=body, headers={**CAR, **headers}
    )


_IMPORTS: list[Step] = [
    opened("dot"),
    wrote("one", n=1),
    wrote("two", n=2),
    archive("car.early", "dot"),
    wrote("three", n=3),
    wrote("one", n=4),
    archive("car.late", "dot"),
    imported("import while active", "car.early"),
    post(46, "deactivate to import", f"{SERVER}deactivateAccount", "dot"),
    imported("import the early one", "car.early"),
    get(46, "what is there now", "com.atproto.repo.listRecords", "dot", repo="<dot.did>",
        collection="com.example.thing"),
    get(46, "how it stands", f"{SERVER}checkAccountStatus", "dot"),
    imported("import the late one", "car.late"),
    imported("import it again", "car.late"),
    imported("import what is cut", "car.late", cut=10),
    nonsense("nothing", b""),
    nonsense("text", b"hello"),
    nonsense("zeros", b"\0" * 100),
    nonsense("a header alone", bytes.fromhex("11a265726f6f7473806776657273696f6e01")),
    nonsense("as JSON", b"{}", **{"Content-Type": "application/json"}),
    nonsense("a huge length", b"\xff\xff\xff\xff\x7f" + b"x" * 50),
    nonsense("deep CBOR", b"\x82\x71" + b"\x81" * 5000),
    get(46, "missing blobs", "com.atproto.repo.listMissingBlobs", "dot"),
    call(46, "activate after import", f"{SERVER}activateAccount", "dot"),
    get(46, "records after import", "com.atproto.repo.listRecords", repo="<dot.did>",
        collection="com.example.thing"),
    get(47, "the archive after import", "com.atproto.sync.getRepo", did="<dot.did>"),
    wrote("four", n=5),
    post(12, "sign in afterwards", f"{SERVER}createSession", identifier="dot.test",
         password=PASSWORD),
]  # fmt: skip

_STRANGER: list[Step] = [
    opened("eli"),
    opened("ella"),
    archive("car.eli", "eli"),
    post(46, "deactivate", f"{SERVER}deactivateAccount", "ella"),
    imported("import another's", "car.eli", "ella"),
]

SCENES = (
    Scene("imports of others", _STRANGER),
    Scene("handles", _HANDLES),
    Scene("operations", _OPERATIONS),
    Scene("imports", _IMPORTS),
)

"""A did:web that is made here goes elsewhere, and comes back."""

from typing import Any

import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.syntax import Did
from appliance.firehose.events import IdentityEvent
from tests.support.pds_box import PASSWORD, Answer, Box

DID = Did("did:web:webby.test")
POINT = "internal.hearth.pds.pointWebIdentity"
OPEN = "internal.hearth.pds.openWebAccount"
THERE = "https://there.example.com"
KEY = PrivateKey.generate("p256").public.did_key
GIVEN = {"handle": "webby.test", "email": "w@example.com", "password": PASSWORD}


@pytest.fixture
async def session(box: Box) -> str:
    """The session of a member whose identity is a name of ours."""
    await box.operate("POST", OPEN, **GIVEN)
    token: str = (await box.log_in("webby.test")).json["accessJwt"]
    return token


async def point(box: Box, session: str, **place: Any) -> Answer:
    await box.post("com.atproto.identity.requestPlcOperationSignature", session)
    return await box.post(POINT, session, token=await box.mailed_code(), **place)


async def leave(box: Box, session: str) -> None:
    answer = await point(box, session, endpoint=THERE, signingKey=KEY)
    assert answer.status == 200, answer
    await box.pds.lifecycle.deactivate(DID, None)


async def told(box: Box, path: str) -> Answer:
    return await box.ask("GET", f"/.well-known/{path}", headers={"Host": "webby.test"})


async def test_the_document_names_the_other_server_and_the_world_is_told(
    box: Box, session: str
) -> None:
    seq = box.pds.event_log.head()
    await leave(box, session)
    first = box.announced(seq)[0]
    assert isinstance(first, IdentityEvent)
    assert (first.did, first.handle) == (DID, "webby.test")
    document = await box.pds.resolver.document(DID)
    assert (document.pds, document.handle) == (THERE, "webby.test")
    assert document.signing_key is not None
    assert document.signing_key.did_key == KEY
    assert (await told(box, "did.json")).json == document.raw


async def test_document_and_handle_are_served_on_after_the_account_here_has_gone(
    box: Box, session: str
) -> None:
    await leave(box, session)
    for gone in (False, True):
        if gone:
            await box.operate("POST", "com.atproto.admin.deleteAccount", did=DID)
        assert (await told(box, "did.json")).json["alsoKnownAs"] == ["at://webby.test"]
        assert (await told(box, "atproto-did")).body == DID.encode()
        asked = await box.get("com.atproto.identity.resolveHandle", handle="webby.test")
        assert asked.json == {"did": DID}


async def test_nobody_else_is_given_the_name(box: Box, session: str) -> None:
    await leave(box, session)
    await box.operate("POST", "com.atproto.admin.deleteAccount", did=DID)
    alice = await box.sign_up()
    wish = {**GIVEN, "email": "other@example.com"}
    taken = await box.post("com.atproto.server.createAccount", **wish)
    assert (taken.status, taken.error) == (400, "InvalidRequest")
    assert (await box.operate("POST", OPEN, **wish)).status == 400
    rename = "com.atproto.identity.updateHandle"
    renamed = await box.post(rename, alice.access, handle="webby.test")
    assert (renamed.status, renamed.error) == (400, "HandleNotAvailable")


async def test_a_name_that_changed_before_it_left_is_kept_as_it_was_last(
    box: Box, session: str
) -> None:
    await point(box, session, endpoint=THERE, signingKey=KEY)
    await box.pds.signup.rename(DID, box.pds.accounts.require(DID).handle)
    rename = "com.atproto.identity.updateHandle"
    assert (await box.post(rename, session, handle="other.test")).status == 200
    await box.operate("POST", "com.atproto.admin.deleteAccount", did=DID)
    assert (await told(box, "did.json")).json["alsoKnownAs"] == ["at://other.test"]
    # The handle it left is free, the identity that is called so is not.
    assert (await box.operate("POST", OPEN, **GIVEN)).status == 400
    assert (await box.post("com.atproto.server.createAccount", **GIVEN)).status == 200


async def test_who_left_comes_back_with_the_other_servers_word(box: Box, session: str) -> None:
    there = PrivateKey.generate("p256")
    await point(box, session, endpoint=THERE, signingKey=there.public.did_key)
    await box.operate("POST", "com.atproto.admin.deleteAccount", did=DID)
    receive = "internal.hearth.pds.receiveAccount"
    back = await box.operate("POST", receive, **GIVEN, did=DID)
    assert back.json == {"did": DID, "handle": "webby.test"}
    again = (await box.log_in("webby.test")).json["accessJwt"]
    refused = await box.post("com.atproto.server.activateAccount", again)
    assert refused.status == 400
    assert (await point(box, again)).status == 200
    assert (await box.post("com.atproto.server.activateAccount", again)).status == 200
    document = await box.pds.resolver.document(DID)
    assert document.pds == box.pds.site.url
    assert document.signing_key == box.pds.keys.get(DID).public


async def test_the_document_names_the_handle_there_and_lends_it_to_nobody(
    box: Box, session: str
) -> None:
    place = {"endpoint": THERE, "signingKey": KEY, "handle": "alice.there.example.com"}
    assert (await point(box, session, **place)).status == 200
    assert (await told(box, "did.json")).json["alsoKnownAs"] == ["at://alice.there.example.com"]
    # That it says so does not make it so: whose domain it is is asked, not the member.
    asked = await box.get("com.atproto.identity.resolveHandle", handle="alice.there.example.com")
    assert asked.status in (400, 502)
    await box.operate("POST", "com.atproto.admin.deleteAccount", did=DID)
    assert (await told(box, "did.json")).json["alsoKnownAs"] == ["at://alice.there.example.com"]
    assert (await told(box, "atproto-did")).body == DID.encode()


async def test_a_place_has_to_be_a_server_and_a_key(box: Box, session: str) -> None:
    for place in (
        {"endpoint": THERE},
        {"signingKey": KEY},
        {"endpoint": f"{THERE}/path", "signingKey": KEY},
        {"endpoint": f"{THERE}?q=1", "signingKey": KEY},
        {"endpoint": "https://me:secret@there.example.com", "signingKey": KEY},
        {"endpoint": "ftp://there.example.com", "signingKey": KEY},
        {"endpoint": "https://there.example.com:99999", "signingKey": KEY},
        {"endpoint": THERE, "signingKey": "did:key:zQ3nonsense"},
        {"endpoint": THERE, "signingKey": "did:web:there.example.com"},
    ):
        assert (await point(box, session, **place)).error == "InvalidRequest", place
    assert (await box.pds.resolver.document(DID)).pds == box.pds.site.url


async def test_only_the_member_points_with_a_code_and_only_what_is_made_here(
    box: Box, session: str
) -> None:
    place = {"endpoint": THERE, "signingKey": KEY}
    assert (await box.post(POINT, session, token="AAAAA-BBBBB", **place)).error == "InvalidToken"
    assert (await box.post(POINT, token="AAAAA-BBBBB", **place)).status == 401
    alice = await box.sign_up()
    assert (await point(box, alice.access, **place)).error == "NotMadeHere"
    app = await box.app_password(alice)
    assert (await box.post(POINT, app, token="AAAAA-BBBBB", **place)).status == 400
    assert (await box.pds.resolver.document(DID)).pds == box.pds.site.url


KEPT = "internal.hearth.pds.listKeptNames"
FREE = "internal.hearth.pds.freeKeptName"


async def test_the_operator_sees_which_names_are_kept(box: Box, session: str) -> None:
    assert (await box.operate("GET", KEPT)).json == {"names": []}
    await leave(box, session)
    kept = {"did": DID, "handle": "webby.test", "endpoint": THERE, "isHere": True}
    assert (await box.operate("GET", KEPT)).json == {"names": [kept]}
    await box.operate("POST", "com.atproto.admin.deleteAccount", did=DID)
    page = (await box.operate("GET", KEPT, limit=1)).json
    assert page == {"names": [{**kept, "isHere": False}], "cursor": "webby.test"}
    assert (await box.operate("GET", KEPT, cursor=page["cursor"])).json == {"names": []}


async def test_a_kept_name_is_given_free_by_the_operator_alone(box: Box, session: str) -> None:
    await leave(box, session)
    refused = await box.operate("POST", FREE, did=DID)
    assert (refused.status, refused.error) == (400, "StillHere")
    await box.operate("POST", "com.atproto.admin.deleteAccount", did=DID)
    alice = await box.sign_up()
    assert (await box.post(FREE, alice.access, did=DID)).status == 401
    assert (await told(box, "did.json")).status == 200
    assert (await box.operate("POST", FREE, did=DID)).status == 200
    assert (await told(box, "did.json")).status == 404
    assert (await told(box, "atproto-did")).status == 404
    again = await box.operate("POST", FREE, did=DID)
    assert (again.status, again.error) == (400, "NotMadeHere")
    unknown = await box.operate("POST", FREE, did=alice.did)
    assert (unknown.status, unknown.error) == (400, "NotMadeHere")


async def test_a_name_that_was_given_free_goes_to_others_but_its_identity_to_nobody(
    box: Box, session: str
) -> None:
    await leave(box, session)
    await box.operate("POST", "com.atproto.admin.deleteAccount", did=DID)
    await box.operate("POST", FREE, did=DID)
    wish = {**GIVEN, "email": "other@example.com"}
    assert (await box.operate("POST", OPEN, **wish)).status == 400
    new = await box.post("com.atproto.server.createAccount", **wish)
    assert new.status == 200, new
    assert new.json["did"].startswith("did:plc:")
    assert (await told(box, "did.json")).status == 404
    assert (await told(box, "atproto-did")).body.decode() == new.json["did"]


async def test_a_certificate_is_got_for_a_name_as_long_as_it_is_served(
    box: Box, session: str
) -> None:
    async def asked() -> int:
        return (await box.ask("GET", "/tls-check", params={"domain": "webby.test"})).status

    await leave(box, session)
    await box.operate("POST", "com.atproto.admin.deleteAccount", did=DID)
    assert await asked() == 200
    await box.operate("POST", FREE, did=DID)
    assert await asked() == 404

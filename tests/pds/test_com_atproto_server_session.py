"""Sessions, app passwords and service tokens over HTTP."""

import asyncio
import time
from typing import Any

import pytest

from appliance.atproto import jwt
from tests.support.pds_box import PASSWORD, Box, Member

REFRESH = "com.atproto.server.refreshSession"
GET = "com.atproto.server.getSession"
DELETE = "com.atproto.server.deleteSession"
SERVICE_AUTH = "com.atproto.server.getServiceAuth"
CREATE_APP_PASSWORD = "com.atproto.server.createAppPassword"


@pytest.mark.parametrize("name", ["alice.test", "ALICE.test", "Alice@Example.com"])
async def test_a_member_signs_in_by_any_of_their_names(box: Box, alice: Member, name: str) -> None:
    answer = await box.log_in(name)
    assert answer.status == 200
    view = answer.json
    assert (view["did"], view["handle"], view["email"]) == (
        alice.did,
        "alice.test",
        "alice@example.com",
    )
    assert (view["active"], view["emailConfirmed"]) == (True, False)
    assert view["didDoc"]["id"] == alice.did


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice.test", "wrong"),
        ("nobody.test", PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("@alice.test", PASSWORD),
        ("not a name", PASSWORD),
        ("alice.test", "x" * 513),
        ("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", PASSWORD),
    ],
)
@pytest.mark.usefixtures("passwords_as_in_life")
async def test_every_failed_login_looks_alike_and_takes_its_time(
    box: Box, alice: Member, name: str, password: str
) -> None:
    started = time.monotonic()
    answer = await box.log_in(name, password)
    assert time.monotonic() - started >= 0.34
    assert answer.status == 401
    assert answer.json == {
        "error": "AuthenticationRequired",
        "message": "Invalid identifier or password",
    }


async def test_tokens_say_what_they_are_for(box: Box, alice: Member) -> None:
    access, refresh = jwt.parse(alice.access), jwt.parse(alice.refresh)
    assert access.header["typ"] == "at+jwt"
    assert access.claims["scope"] == "com.atproto.access"
    assert access.claims["aud"] == "did:web:localhost"
    assert access.claims["exp"] - access.claims["iat"] == 7200
    assert refresh.header["typ"] == "refresh+jwt"
    assert refresh.claims["scope"] == "com.atproto.refresh"
    assert refresh.claims["jti"]


@pytest.mark.parametrize(
    ("header", "status", "name"),
    [
        (None, 401, "AuthMissing"),
        ("", 401, "AuthMissing"),
        ("Bearer nonsense", 400, "InvalidToken"),
        ("Bearer", 400, "InvalidToken"),
        ("Bearer a b", 400, "InvalidToken"),
        ("Digest abc", 400, "InvalidToken"),
    ],
)
async def test_a_bad_authorization_header_is_named(
    box: Box, header: str | None, status: int, name: str
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await box.ask("GET", f"/xrpc/{GET}", headers=headers)
    assert (answer.status, answer.error) == (status, name)


@pytest.mark.parametrize(
    "claims", [{"cnf": {"jkt": "x"}}, {"sub": "alice"}, {"sub": None}, {"exp": None}, {"aud": "x"}]
)
async def test_a_token_that_says_something_else_is_refused(
    box: Box, alice: Member, claims: dict[str, Any]
) -> None:
    said = dict(jwt.parse(alice.access).claims) | claims
    secret = box.pds.settings.paths.secret("jwt-secret").read_bytes().strip()
    token = jwt.encode_hs256(secret, "at+jwt", said)
    assert (await box.get(GET, token)).error == "InvalidToken"


async def test_the_scheme_is_read_in_any_case(box: Box, alice: Member) -> None:
    headers = {"Authorization": f"bEARER {alice.access}"}
    assert (await box.ask("GET", f"/xrpc/{GET}", headers=headers)).status == 200


async def test_a_token_of_the_other_kind_is_refused(box: Box, alice: Member) -> None:
    assert (await box.get(GET, alice.refresh)).error == "InvalidToken"
    assert (await box.post(REFRESH, alice.access)).error == "InvalidToken"


async def test_an_access_token_expires_after_two_hours(box: Box, alice: Member) -> None:
    assert (await box.get(GET, alice.access)).status == 200
    box.clock.advance(7201)
    answer = await box.get(GET, alice.access)
    assert (answer.status, answer.error) == (400, "ExpiredToken")


async def test_a_refresh_token_gives_the_same_successor_for_two_hours(
    box: Box, alice: Member
) -> None:
    answers = await asyncio.gather(*(box.post(REFRESH, alice.refresh) for _ in range(5)))
    assert {answer.status for answer in answers} == {200}
    jtis = {jwt.parse(answer.json["refreshJwt"]).claims["jti"] for answer in answers}
    assert len(jtis) == 1
    box.clock.advance(7199)
    late = await box.post(REFRESH, alice.refresh)
    assert jwt.parse(late.json["refreshJwt"]).claims["jti"] in jtis
    box.clock.advance(2)
    over = await box.post(REFRESH, alice.refresh)
    assert (over.status, over.error) == (400, "ExpiredToken")
    assert (await box.post(REFRESH, answers[0].json["refreshJwt"])).status == 200


async def test_the_end_of_a_session_ends_its_tokens(box: Box, alice: Member) -> None:
    newer = (await box.post(REFRESH, alice.refresh)).json["refreshJwt"]
    ended = await box.post(DELETE, newer)
    assert (ended.status, ended.body) == (200, b"")
    for token in (alice.refresh, newer):
        answer = await box.post(REFRESH, token)
        assert (answer.status, answer.error) == (400, "ExpiredToken")


async def test_an_expired_session_can_still_be_ended(box: Box, alice: Member) -> None:
    box.clock.advance(91 * 86_400)
    assert (await box.post(REFRESH, alice.refresh)).error == "ExpiredToken"
    assert (await box.post(DELETE, alice.refresh)).status == 200


async def test_an_app_password_signs_in_but_does_not_touch_the_account(
    box: Box, alice: Member
) -> None:
    made = await box.post(CREATE_APP_PASSWORD, alice.access, name="phone")
    assert made.json["privileged"] is False
    session = (await box.log_in(alice.handle, made.json["password"])).json
    token = session["accessJwt"]
    assert jwt.parse(token).claims["scope"] == "com.atproto.appPass"
    for nsid, given in (
        (CREATE_APP_PASSWORD, {"name": "more"}),
        ("com.atproto.server.activateAccount", {}),
        ("com.atproto.server.requestAccountDelete", {}),
        ("com.atproto.server.requestEmailUpdate", {}),
        ("com.atproto.identity.requestPlcOperationSignature", {}),
        ("com.atproto.identity.signPlcOperation", {"token": "x"}),
        ("com.atproto.server.updateEmail", {"email": "a@example.com"}),
        ("com.atproto.server.deactivateAccount", {"deleteAfter": "2026-12-01T00:00:00Z"}),
    ):
        answer = await box.post(nsid, token, **given)
        assert (nsid, answer.status, answer.error) == (nsid, 400, "InvalidToken")
    codes = await box.get("com.atproto.server.getAccountInviteCodes", token)
    assert codes.error == "InvalidToken"
    listed = await box.get("com.atproto.server.listAppPasswords", token)
    assert [one["name"] for one in listed.json["passwords"]] == ["phone"]


async def test_a_revoked_app_password_ends_its_sessions(box: Box, alice: Member) -> None:
    made = await box.post(CREATE_APP_PASSWORD, alice.access, name="phone", privileged=True)
    secret = made.json["password"]
    session = (await box.log_in(alice.handle, secret)).json
    renewed = await box.post(REFRESH, session["refreshJwt"])
    scope = jwt.parse(renewed.json["accessJwt"]).claims["scope"]
    assert scope == "com.atproto.appPassPrivileged"
    await box.post("com.atproto.server.revokeAppPassword", alice.access, name="phone")
    assert (await box.post(REFRESH, renewed.json["refreshJwt"])).error == "ExpiredToken"
    assert (await box.log_in(alice.handle, secret)).status == 401


async def test_access_tokens_end_with_the_session_they_came_from(box: Box, alice: Member) -> None:
    app = (await box.post(CREATE_APP_PASSWORD, alice.access, name="phone")).json["password"]
    phone = (await box.log_in(alice.handle, app)).json["accessJwt"]
    assert (await box.get(GET, phone)).status == 200
    await box.post("com.atproto.server.revokeAppPassword", alice.access, name="phone")
    assert (await box.get(GET, phone)).error == "ExpiredToken"
    mine = (await box.post(REFRESH, alice.refresh)).json["accessJwt"]
    for token in (alice.access, mine):
        assert (await box.get(GET, token)).status == 200

    stolen = (await box.log_in(alice.handle)).json["accessJwt"]
    await box.pds.credentials.set_password(alice.did, "another")
    for token in (alice.access, mine, stolen):
        made = await box.post(CREATE_APP_PASSWORD, token, name="kept by a thief")
        assert (made.status, made.error) == (400, "ExpiredToken")
    assert box.pds.app_passwords.list(alice.did) == []
    again = (await box.log_in(alice.handle, "another")).json
    renewed = (await box.post(REFRESH, again["refreshJwt"])).json
    for session in (again, renewed):
        assert (await box.get(GET, session["accessJwt"])).status == 200


async def test_one_name_is_for_one_app_password(box: Box, alice: Member) -> None:
    await box.post(CREATE_APP_PASSWORD, alice.access, name="phone")
    again = await box.post(CREATE_APP_PASSWORD, alice.access, name="phone")
    assert (again.status, again.error) == (400, "InvalidRequest")


async def test_a_service_token_is_signed_by_the_account(box: Box, alice: Member) -> None:
    aud = "did:web:video.example.com#video"
    lxm = "com.atproto.repo.uploadBlob"
    answer = await box.get(SERVICE_AUTH, alice.access, aud=aud, lxm=lxm)
    token = jwt.parse(answer.json["token"])
    assert (token.claims["iss"], token.claims["aud"], token.claims["lxm"]) == (alice.did, aud, lxm)
    assert token.claims["exp"] - token.claims["iat"] == 60
    key = (await box.pds.resolver.document(alice.did)).signing_key
    assert key is not None
    assert token.verify(key)
    bare = await box.get(SERVICE_AUTH, alice.access, aud=aud)
    assert "lxm" not in jwt.parse(bare.json["token"]).claims


@pytest.mark.parametrize(
    ("seconds", "lxm", "name"),
    [
        (-1, None, "BadExpiration"),
        (3601, "com.atproto.repo.uploadBlob", "BadExpiration"),
        (61, None, "BadExpiration"),
        (3600, "com.atproto.repo.uploadBlob", None),
        (60, None, None),
    ],
)
async def test_a_service_token_has_a_bounded_life(
    box: Box, alice: Member, seconds: int, lxm: str | None, name: str | None
) -> None:
    given = {"aud": "did:web:x.example.com", "exp": int(box.clock.now()) + seconds}
    answer = await box.get(SERVICE_AUTH, alice.access, **given, **({"lxm": lxm} if lxm else {}))
    if name is None:
        assert answer.status == 200
    else:
        assert (answer.status, answer.error) == (400, name)


async def test_no_service_token_is_given_for_the_account_itself(box: Box, alice: Member) -> None:
    given = {"aud": "did:web:x.example.com", "lxm": "com.atproto.server.createAppPassword"}
    answer = await box.get(SERVICE_AUTH, alice.access, **given)
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    bad = await box.get(SERVICE_AUTH, alice.access, aud="nobody")
    assert (bad.status, bad.error) == (400, "InvalidRequest")


async def test_chats_are_for_privileged_app_passwords(box: Box, alice: Member) -> None:
    given = {"aud": "did:web:api.bsky.chat", "lxm": "chat.bsky.convo.getLog"}
    plain = await box.get(SERVICE_AUTH, await box.app_password(alice), **given)
    assert (plain.status, plain.error) == (400, "InvalidRequest")
    privileged = await box.app_password(alice, privileged=True)
    assert (await box.get(SERVICE_AUTH, privileged, **given)).status == 200


async def test_who_is_taken_down_can_only_leave(box: Box, alice: Member) -> None:
    await box.operate(
        "POST",
        "com.atproto.admin.updateSubjectStatus",
        subject={"$type": "com.atproto.admin.defs#repoRef", "did": alice.did},
        takedown={"applied": True},
    )
    refused = await box.log_in(alice.handle)
    assert (refused.status, refused.error) == (401, "AccountTakedown")
    for token, nsid in ((alice.refresh, REFRESH), (alice.access, CREATE_APP_PASSWORD)):
        given = {"name": "x"} if nsid == CREATE_APP_PASSWORD else {}
        answer = await box.post(nsid, token, **given)
        assert (answer.status, answer.error) == (401, "AccountTakedown")
    session = (await box.log_in(alice.handle, allowTakendown=True)).json
    assert session["status"] == "takendown"
    token = session["accessJwt"]
    assert (await box.get("com.atproto.sync.getRepo", token, did=alice.did)).status == 200
    leave = {"aud": "did:web:new.example.com", "lxm": "com.atproto.server.createAccount"}
    assert (await box.get(SERVICE_AUTH, token, **leave)).status == 200
    other = {"aud": "did:web:new.example.com", "lxm": "com.atproto.repo.uploadBlob"}
    assert (await box.get(SERVICE_AUTH, token, **other)).error == "InvalidToken"
    # So it is for sessions from before.
    assert (await box.get(SERVICE_AUTH, alice.access, **other)).error == "InvalidToken"
    assert (await box.get(SERVICE_AUTH, alice.access, **leave)).status == 200
    listed = await box.get("com.atproto.server.listAppPasswords", token)
    assert listed.error == "InvalidToken"
    assert (await box.post(REFRESH, session["refreshJwt"])).error == "AccountTakedown"
    close = "/xrpc/com.atproto.server.deactivateAccount"
    assert (await box.ask("POST", close, token=token, json={})).status == 200

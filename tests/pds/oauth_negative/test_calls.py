"""Attacks on calls: forged and foreign tokens, confused kinds of tokens, closed accounts."""

import hmac
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from tests.pds.oauth_negative.conftest import Field
from tests.support.members_house import open_members_house
from tests.support.oauth_client import App, Documents, Key, base64url, claims_of
from tests.support.pds_box import Answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SESSION = "com.atproto.server.getSession"
OTHER = "http://localhost:2584"

Forge = Callable[[App, str], str]


def packed(value: Any) -> str:
    return base64url(orjson.dumps(value))


def header_of(token: str) -> dict[str, Any]:
    head = token.split(".")[0]
    found: dict[str, Any] = orjson.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return found


def sealed(secret: bytes, header: dict[str, Any], claims: dict[str, Any]) -> str:
    body = f"{packed(header)}.{packed(claims)}"
    return f"{body}.{base64url(hmac.digest(secret, body.encode(), 'sha256'))}"


def _unsigned(name: str) -> Forge:
    def forge(_app: App, token: str) -> str:
        return f"{packed({**header_of(token), 'alg': name})}.{token.split('.')[1]}."

    return forge


def _guessed(secret: bytes) -> Forge:
    return lambda _app, token: sealed(secret, header_of(token), claims_of(token))


def _signed_by_the_app(app: App, token: str) -> str:
    return app.key.sign({**header_of(token), "alg": "ES256"}, claims_of(token))


def _with_its_own_key(app: App, token: str) -> str:
    """The key to check the token by comes with the token."""
    header = {**header_of(token), "alg": "ES256", "jwk": app.key.jwk, "kid": app.key.kid}
    return app.key.sign(header, claims_of(token))


def _with_key_from_elsewhere(app: App, token: str) -> str:
    header = {**header_of(token), "alg": "ES256", "jku": "https://evil.example/keys"}
    return app.key.sign(header, claims_of(token))


def _bent(**changes: Any) -> Forge:
    """Claims changed under the old seal."""

    def forge(_app: App, token: str) -> str:
        head, _, seal = token.split(".")
        return f"{head}.{packed({**claims_of(token), **changes})}.{seal}"

    return forge


def _cut(_app: App, token: str) -> str:
    return token.rpartition(".")[0]


FORGED: dict[str, Forge] = {
    "alg none": _unsigned("none"),
    "alg None": _unsigned("None"),
    "alg empty": _unsigned(""),
    "an empty seal": lambda _app, token: token.rpartition(".")[0] + ".",
    "no seal": _cut,
    "a guessed secret": _guessed(b"secret"),
    "an empty secret": _guessed(b""),
    "signed by the app's key": _signed_by_the_app,
    "a key that comes along": _with_its_own_key,
    "a key from elsewhere": _with_key_from_elsewhere,
    "a longer life": _bent(exp=9_999_999_999),
    "another member": _bent(sub="did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"),
    "a wider scope": _bent(scope="atproto transition:generic identity:*"),
    "another key": _bent(cnf={"jkt": base64url(b"k" * 32)}),
    "what is no token": lambda _app, _token: "x.y.z",
    "an endless token": lambda _app, _token: "a" * 7000,
}


def refused(answer: Answer, error: str = "invalid_token") -> None:
    assert answer.status == 401
    assert f'error="{error}"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
async def test_a_forged_token_opens_nothing(ground: Field, forge: Forge) -> None:
    app = await ground.settled()
    refused(await app.call("GET", SESSION, token=forge(app, app.tokens["access_token"])))
    assert (await app.get_session()).status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Basic", "Token"])
@pytest.mark.parametrize("with_proof", [True, False])
async def test_a_bound_token_is_no_bearer_token(
    ground: Field, scheme: str, with_proof: bool
) -> None:
    app = await ground.settled()
    answer = await app.call("GET", SESSION, scheme=scheme, proof=None if with_proof else "")
    assert answer.status in (400, 401)
    assert answer.error in ("InvalidToken", "AuthMissing")


@pytest.mark.parametrize("which", ["access", "refresh"])
async def test_a_password_s_token_is_no_app_s(ground: Field, which: str) -> None:
    app = await ground.settled()
    refused(await app.call("GET", SESSION, token=getattr(ground.house.alice, which)))


async def test_a_service_token_is_no_app_s(ground: Field) -> None:
    app, pds = await ground.settled(), ground.house.box.pds
    token = pds.proxy.service_token(ground.house.alice.did, pds.did, SESSION)
    refused(await app.call("GET", SESSION, token=token))


async def test_an_app_s_token_is_no_service_token(ground: Field) -> None:
    app = await ground.settled()
    answer = await ground.house.box.post(
        "com.atproto.server.createAccount",
        app.tokens["access_token"],
        handle="new.test",
        did="did:web:new.example",
    )
    assert answer.status in (400, 401)


async def test_a_token_of_another_server_opens_nothing(
    ground: Field, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with open_members_house(tmp_path_factory.mktemp("other")) as other:
        there = App.local(other)
        await there.come_in(await other.at_home())
        app = await ground.settled()
        app.key = there.key
        refused(await app.call("GET", SESSION, token=there.tokens["access_token"]))
        answer = await app.refresh(refresh_token=there.tokens["refresh_token"])
        assert (answer.status, answer.error) == (400, "invalid_grant")


async def test_a_token_in_the_address_or_the_body_is_not_seen(ground: Field) -> None:
    app = await ground.settled()
    box, token = ground.house.box, app.tokens["access_token"]
    asked = await box.ask("GET", f"/xrpc/{SESSION}?access_token={token}")
    assert asked.status in (400, 401)
    sent = await box.ask(
        "POST", "/xrpc/com.atproto.server.deactivateAccount", data={"access_token": token}
    )
    assert sent.status in (400, 401)


async def test_a_call_without_proof_is_told_what_is_missing(ground: Field) -> None:
    app = await ground.settled()
    answer = await app.call("GET", SESSION, proof="")
    refused(answer, "invalid_dpop_proof")
    exposed = answer.headers.get("Access-Control-Expose-Headers", "*").lower()
    assert exposed == "*" or {"dpop-nonce", "www-authenticate"} <= set(re.split(r",\s*", exposed))


async def test_a_token_says_nothing_about_the_server_s_secrets(ground: Field) -> None:
    app = await ground.settled()
    claims = claims_of(app.tokens["access_token"])
    assert claims["aud"] == ground.house.box.pds.did
    assert claims["cnf"]["jkt"]
    assert not {"email", "password", "refresh_token"} & set(claims)


async def take_down(ground: Field, *, applied: bool = True) -> None:
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": ground.house.alice.did}
    takedown = {"applied": applied, "ref": "test"}
    nsid = "com.atproto.admin.updateSubjectStatus"
    answer = await ground.house.box.operate("POST", nsid, subject=subject, takedown=takedown)
    assert answer.status == 200, answer


async def test_an_account_that_was_taken_down_lets_no_app_act(ground: Field) -> None:
    app = await ground.settled("atproto transition:generic account:status?action=manage")
    await take_down(ground)
    try:
        for verb, nsid in (
            ("GET", SESSION),
            ("GET", "com.atproto.server.checkAccountStatus"),
            ("POST", "com.atproto.server.deactivateAccount"),
            ("POST", "com.atproto.repo.createRecord"),
            ("GET", "app.bsky.feed.getTimeline"),
        ):
            sent: dict[str, Any] = {"json": {}} if verb == "POST" else {}
            answer = await app.call(verb, nsid, **sent)
            assert answer.status == 401, nsid
        refreshed = await app.refresh()
        assert (refreshed.status, refreshed.error) == (400, "invalid_grant")
    finally:
        await take_down(ground, applied=False)
    refused(await app.get_session())


async def test_a_deactivated_account_is_not_written_to(ground: Field) -> None:
    app, box, alice = await ground.settled(), ground.house.box, ground.house.alice
    await box.pds.lifecycle.deactivate(alice.did, None)
    try:
        record = {"$type": "org.example.note", "text": "x"}
        given = {"repo": alice.did, "collection": "org.example.note", "record": record}
        answer = await app.call("POST", "com.atproto.repo.createRecord", json=given)
        assert (answer.status, answer.error) == (401, "AccountDeactivated")
    finally:
        await box.pds.lifecycle.activate(alice.did)
    assert (await app.get_session()).status == 200


async def test_a_deleted_account_s_tokens_die_with_it(ground: Field) -> None:
    box = ground.house.box
    bob = await box.sign_up("bob")
    app = ground.app()
    await app.come_in(await ground.house.at_home(bob))
    assert (await app.get_session()).status == 200
    await box.pds.lifecycle.delete(bob.did)
    assert (await app.get_session()).status in (401, 403)
    answer = await app.refresh()
    assert (answer.status, answer.error) == (400, "invalid_grant")


async def test_a_new_password_ends_every_app_s_session(ground: Field) -> None:
    """Whoever changes a password shuts a thief out; the thief's app goes with them."""
    box = ground.house.box
    carol = await box.sign_up("carol")
    app = ground.app()
    await app.come_in(await ground.house.at_home(carol))
    await box.pds.codes.send(box.pds.accounts.require(carol.did), "reset_password")
    code = await box.mailed_code()
    given = {"token": code, "password": "another horse"}
    assert (await box.post("com.atproto.server.resetPassword", **given)).status == 200
    assert (await app.get_session()).status == 401
    assert (await app.refresh()).error == "invalid_grant"


async def test_the_key_of_one_app_does_not_open_another_s_session(ground: Field) -> None:
    one, other = await ground.settled(), await ground.settled()
    other.key = one.key = Key()
    refused(await one.call("GET", SESSION, token=other.tokens["access_token"]))


async def test_documents_of_others_are_not_asked_for_at_a_call(ground: Field) -> None:
    app = await ground.settled()
    asked = len(ground.documents.asked)
    await app.get_session()
    assert isinstance(ground.documents, Documents)
    assert len(ground.documents.asked) == asked

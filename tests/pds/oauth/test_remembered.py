"""What is remembered from call to call makes none of the checks weaker."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.pds.oauth.dpop import NONCE_SECONDS
from appliance.pds.oauth.grants import GrantStore
from appliance.pds.oauth.permissions import MOST_FOUND, Permissions
from appliance.pds.oauth.tokens import ACCESS_SECONDS
from tests.support.members_house import ORIGIN, MembersHouse, open_members_house
from tests.support.oauth_client import App, Key
from tests.support.pds_box import PASSWORD, Answer

NSID = "com.atproto.server.getSession"
URL = f"{ORIGIN}/xrpc/{NSID}"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def app(house: MembersHouse) -> App:
    """An app whose key, token and grant have all been seen before."""
    found = App.local(house)
    await found.come_in(await house.at_home())
    for _ in range(2):
        assert (await found.get_session()).status == 200
    return found


async def shown(app: App, proof: str, token: str | None = None) -> Answer:
    """Call with a proof as it is."""
    return await app.call("GET", NSID, proof=proof, token=token)


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.error


async def test_a_header_seen_before_does_not_vouch_for_a_signature(app: App) -> None:
    header, claims, signature = app.proof("GET", URL, app.tokens["access_token"]).split(".")
    _, other_claims, other = app.proof("GET", URL, app.tokens["access_token"]).split(".")
    changed = signature[:20] + ("A" if signature[20] != "A" else "B") + signature[21:]
    for bad in (
        f"{header}.{claims}.{changed}",
        f"{header}.{claims}.{other}",
        f"{header}.{other_claims}.{signature}",
        f"{header}.{claims}.",
    ):
        assert refusal(await shown(app, bad)) == (401, "invalid_dpop_proof")
    assert (await shown(app, f"{header}.{claims}.{signature}")).status == 200


async def test_another_key_signs_nothing_under_a_header_seen_before(app: App) -> None:
    token, thief = app.tokens["access_token"], Key()
    header = app.proof("GET", URL, token).split(".")[0]
    forged = app.proof("GET", URL, token, key=thief, header={"jwk": app.key.jwk})
    assert forged.split(".")[0] == header
    assert refusal(await shown(app, forged)) == (401, "invalid_dpop_proof")
    own = app.proof("GET", URL, token, key=thief)
    for _ in range(2):
        assert refusal(await shown(app, own)) == (401, "invalid_token")
        own = app.proof("GET", URL, token, key=thief)


async def test_a_token_seen_before_is_good_for_its_own_proofs_alone(app: App) -> None:
    first = app.tokens["access_token"]
    await app.refresh()
    second = app.tokens["access_token"]
    assert (await app.get_session()).status == 200
    crossed = app.proof("GET", URL, first)
    assert refusal(await shown(app, crossed, token=second)) == (401, "invalid_dpop_proof")


async def test_a_proof_counts_once_however_well_known_its_key_is(app: App) -> None:
    proof = app.proof("GET", URL, app.tokens["access_token"])
    assert (await shown(app, proof)).status == 200
    assert refusal(await shown(app, proof)) == (401, "invalid_dpop_proof")


async def test_a_nonce_that_has_turned_over_is_of_no_use(house: MembersHouse, app: App) -> None:
    old = app.nonce
    house.box.clock.advance(NONCE_SECONDS)
    proof = app.proof("GET", URL, app.tokens["access_token"], nonce=old)
    assert refusal(await shown(app, proof)) == (401, "use_dpop_nonce")


async def test_a_token_seen_before_ends_on_time(house: MembersHouse, app: App) -> None:
    house.box.clock.advance(ACCESS_SECONDS)
    assert refusal(await app.get_session()) == (401, "invalid_token")


@pytest.mark.parametrize("way", ["revoked", "shut out", "password", "used up"])
async def test_a_grant_that_is_kept_ends_at_once(house: MembersHouse, app: App, way: str) -> None:
    grants, alice = house.box.pds.oauth.grants, house.alice.did
    (grant,) = grants.of_account(alice)
    match way:
        case "revoked":
            await app.revoke(app.tokens["access_token"])
        case "shut out":
            await grants.end(grant.id, alice)
        case "password":
            await house.box.pds.credentials.set_password(alice, PASSWORD + "!")
        case _:
            first = app.tokens["refresh_token"]
            await app.refresh()
            await app.get_session()
            await app.refresh()
            await app.get_session()
            await app.refresh(refresh_token=first)
    assert refusal(await app.get_session()) == (401, "invalid_token")
    assert grants.find(grant.id) is None


async def test_a_grant_is_read_once_until_it_changes(
    house: MembersHouse, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    really = GrantStore._read

    def counted(store: GrantStore, grant_id: str) -> object:
        read.append(grant_id)
        return really(store, grant_id)

    monkeypatch.setattr(GrantStore, "_read", counted)
    for _ in range(3):
        assert (await app.get_session()).status == 200
    assert read == []
    await app.refresh()
    for _ in range(3):
        assert (await app.get_session()).status == 200
    # Renewed, and then noted that the new tokens are used.
    assert 1 <= len(read) <= 3


def test_what_was_found_of_calls_is_bounded_and_stays_right() -> None:
    granted = Permissions.granted("atproto rpc:com.example.one?aud=did:web:a.test%23x")
    for _ in range(2):
        for number in range(MOST_FOUND + 5):
            assert not granted.allows_call(f"com.example.m{number}", ["did:web:a.test#x"])
            assert granted.allows_call("com.example.one", ["did:web:b.test#x", "did:web:a.test#x"])
            assert not granted.allows_call("com.example.one", ["did:web:b.test#x"])
            assert len(granted._found) <= MOST_FOUND


def test_what_was_found_of_records_is_bounded_and_stays_right() -> None:
    granted = Permissions.granted("atproto repo:com.example.one?action=create")
    for _ in range(2):
        for number in range(MOST_FOUND + 5):
            assert not granted.allows_repo(f"com.example.m{number}", "create")
            assert granted.allows_repo("com.example.one", "create")
            assert not granted.allows_repo("com.example.one", "delete")
            assert len(granted._found) <= MOST_FOUND


def test_what_was_found_for_one_app_says_nothing_of_another() -> None:
    one = Permissions.granted("atproto repo:com.example.one?action=create")
    other = Permissions.granted("atproto repo:com.example.two?action=create")
    for _ in range(2):
        assert one.allows_repo("com.example.one", "create")
        assert not other.allows_repo("com.example.one", "create")

"""The resolver: both ways, remembered, and steady when its sources are down."""

import asyncio
from typing import Any

import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity import names
from appliance.atproto.identity.errors import DidNotFound, HandleNotFound, IdentityUnreachable
from appliance.atproto.identity.resolver import IdentityResolver, web_document_url
from appliance.atproto.syntax import Did, Handle
from tests.support.clock import FakeClock
from tests.support.fake_http import FakeHttp

DID = Did("did:plc:yk4dd2qkboz2yv6tpubpc6co")
OTHER = Did("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")
PLC = "https://plc.example"
PDS = "https://pds.example.com"
KEY = PrivateKey.generate().public.multikey
WELL_KNOWN = "https://alice.example.com/.well-known/atproto-did"
HOUR = 3600.0


def document(did: str = DID, handle: str = "alice.example.com", pds: str = PDS) -> dict[str, Any]:
    kind = "AtprotoPersonalDataServer"
    return {
        "id": did,
        "alsoKnownAs": [f"at://{handle}"],
        "verificationMethod": [
            {"id": f"{did}#atproto", "type": "Multikey", "publicKeyMultibase": KEY}
        ],
        "service": [{"id": "#atproto_pds", "type": kind, "serviceEndpoint": pds}],
    }


class World:
    """A directory, the web and a clock; the DNS has no records."""

    def __init__(self) -> None:
        self.http = FakeHttp()
        self.clock = FakeClock()
        self.resolver = IdentityResolver(
            self.http, PLC, self.clock.now, (".test",), ("unix:/pds.sock",)
        )
        self.http.put(f"{PLC}/{DID}", document())
        self.http.put(WELL_KNOWN, DID.encode())

    def asked(self, url: str) -> int:
        return self.http.requests.count(url)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    async def no_records(_: str) -> list[str]:
        return []

    monkeypatch.setattr(names, "lookup_txt_records", no_records)
    return World()


async def test_an_identity_is_verified_both_ways(world: World) -> None:
    identity = await world.resolver.resolve(DID)
    assert (identity.did, identity.handle) == (DID, "alice.example.com")
    assert identity.document.pds == PDS
    assert await world.resolver.did_for(Handle("alice.example.com")) == DID


async def test_a_handle_that_names_another_did_is_invalid(world: World) -> None:
    world.http.put(WELL_KNOWN, OTHER.encode())
    assert (await world.resolver.resolve(DID)).handle == "handle.invalid"


async def test_a_handle_that_leads_nowhere_is_invalid_for_five_minutes(world: World) -> None:
    world.http.put(WELL_KNOWN, b"", 404)
    assert (await world.resolver.resolve(DID)).handle == "handle.invalid"
    world.http.put(WELL_KNOWN, DID.encode())
    assert (await world.resolver.resolve(DID)).handle == "handle.invalid"
    world.clock.advance(301)
    assert (await world.resolver.resolve(DID)).handle == "alice.example.com"


async def test_a_did_without_a_handle_is_an_identity_all_the_same(world: World) -> None:
    world.http.put(f"{PLC}/{DID}", {**document(), "alsoKnownAs": []})
    assert (await world.resolver.resolve(DID)).handle == "handle.invalid"


async def test_answers_are_remembered_for_a_day(world: World) -> None:
    for _ in range(3):
        await world.resolver.resolve(DID)
        await world.resolver.document(DID)
        world.clock.advance(7 * HOUR)
    assert world.asked(f"{PLC}/{DID}") == 1
    world.clock.advance(4 * HOUR)
    await world.resolver.document(DID)
    assert world.asked(f"{PLC}/{DID}") == 2


async def test_fresh_means_asking_again(world: World) -> None:
    await world.resolver.resolve(DID)
    world.http.put(f"{PLC}/{DID}", document(pds="https://new.example.com"))
    assert (await world.resolver.document(DID)).pds == PDS
    assert (await world.resolver.document(DID, fresh=True)).pds == "https://new.example.com"
    await world.resolver.resolve(DID, fresh=True)
    assert world.asked(WELL_KNOWN) == 2


async def test_purge_makes_the_next_look_up_fresh(world: World) -> None:
    await world.resolver.resolve(DID)
    world.http.put(f"{PLC}/{DID}", document(handle="bob.example.com"))
    world.http.put("https://bob.example.com/.well-known/atproto-did", DID.encode())
    world.resolver.purge(DID)
    world.resolver.purge(OTHER)
    assert (await world.resolver.resolve(DID)).handle == "bob.example.com"


async def test_those_who_ask_at_once_share_one_look_up(world: World) -> None:
    world.http.pause.clear()
    waiting = asyncio.gather(*(world.resolver.resolve(DID) for _ in range(20)))
    await asyncio.sleep(0)
    world.http.pause.set()
    assert {identity.handle for identity in await waiting} == {"alice.example.com"}
    assert world.asked(f"{PLC}/{DID}") == 1
    assert world.asked(WELL_KNOWN) == 1


async def test_a_shared_failure_reaches_everyone(world: World) -> None:
    world.http.put(f"{PLC}/{DID}", {}, 404)
    world.http.pause.clear()
    waiting = asyncio.gather(
        *(world.resolver.document(DID) for _ in range(3)), return_exceptions=True
    )
    await asyncio.sleep(0)
    world.http.pause.set()
    assert [type(outcome) for outcome in await waiting] == [DidNotFound] * 3
    assert world.asked(f"{PLC}/{DID}") == 1


async def test_when_the_first_to_ask_gives_up_another_goes_on(world: World) -> None:
    world.http.pause.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(world.resolver.document(DID))
        await asyncio.sleep(0)
        second = group.create_task(world.resolver.document(DID))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        world.http.pause.set()
    assert first.cancelled()
    assert second.result().did == DID


async def test_an_error_is_remembered_for_two_minutes(world: World) -> None:
    world.http.put(f"{PLC}/{DID}", {}, 404)
    for _ in range(3):
        with pytest.raises(DidNotFound):
            await world.resolver.document(DID)
    assert world.asked(f"{PLC}/{DID}") == 1
    world.http.put(f"{PLC}/{DID}", document())
    world.clock.advance(121)
    assert (await world.resolver.document(DID)).did == DID


async def test_the_last_good_document_serves_while_the_directory_is_down(world: World) -> None:
    await world.resolver.resolve(DID)
    assert world.resolver.stale_since(DID) is None
    world.clock.advance(25 * HOUR)
    went_down = world.clock.now()
    world.http.put(f"{PLC}/{DID}", {}, 503)
    assert (await world.resolver.document(DID)).pds == PDS
    assert (await world.resolver.document(DID, fresh=True)).pds == PDS
    assert world.resolver.stale_since(DID) == went_down
    world.clock.advance(121)
    world.http.put(f"{PLC}/{DID}", document(pds="https://new.example.com"))
    assert (await world.resolver.document(DID)).pds == "https://new.example.com"
    assert world.resolver.stale_since(DID) is None


async def test_an_identity_from_a_stale_document_is_soon_looked_up_again(world: World) -> None:
    await world.resolver.resolve(DID)
    world.clock.advance(25 * HOUR)
    world.http.put(f"{PLC}/{DID}", {}, 503)
    assert (await world.resolver.resolve(DID)).handle == "alice.example.com"
    world.http.put(f"{PLC}/{DID}", document(pds="https://new.example.com"))
    world.clock.advance(121)
    assert (await world.resolver.resolve(DID)).document.pds == "https://new.example.com"


async def test_a_tombstone_ends_even_a_remembered_document(world: World) -> None:
    await world.resolver.resolve(DID)
    world.http.put(f"{PLC}/{DID}", {"message": "gone"}, 410)
    with pytest.raises(DidNotFound):
        await world.resolver.document(DID, fresh=True)
    with pytest.raises(DidNotFound):
        await world.resolver.resolve(DID)


async def test_a_directory_that_never_answered_is_unreachable(world: World) -> None:
    for _ in range(2):
        with pytest.raises(IdentityUnreachable):
            await world.resolver.document(OTHER)
    assert world.asked(f"{PLC}/{OTHER}") == 1


async def test_a_verified_handle_survives_an_outage_but_not_for_ever(world: World) -> None:
    await world.resolver.resolve(DID)
    del world.http.answers[WELL_KNOWN]
    for _ in range(2):
        world.clock.advance(25 * HOUR)
        assert (await world.resolver.resolve(DID)).handle == "alice.example.com"
    world.clock.advance(25 * HOUR)
    assert (await world.resolver.resolve(DID)).handle == "handle.invalid"


async def test_a_handle_never_seen_is_not_believed_in_an_outage(world: World) -> None:
    del world.http.answers[WELL_KNOWN]
    unknown = await world.resolver.resolve(DID)
    assert (unknown.handle, unknown.is_settled) == ("handle.invalid", False)
    world.http.put(WELL_KNOWN, DID.encode())
    world.clock.advance(121)
    known = await world.resolver.resolve(DID)
    assert (known.handle, known.is_settled) == ("alice.example.com", True)
    world.http.put(WELL_KNOWN, b"", 404)
    settled = await world.resolver.resolve(DID, fresh=True)
    assert (settled.handle, settled.is_settled) == ("handle.invalid", True)


@pytest.mark.parametrize(
    "raw", [document(OTHER), {}, {"id": "x"}, {**document(), "id": str(DID) + "a"}]
)
async def test_a_document_of_somebody_else_is_none(world: World, raw: Any) -> None:
    world.http.put(f"{PLC}/{DID}", raw)
    with pytest.raises(DidNotFound):
        await world.resolver.document(DID)


@pytest.mark.parametrize("body", [b"not json", b"[]", b"[" * 100])
async def test_a_directory_that_talks_nonsense_is_unreachable(world: World, body: bytes) -> None:
    world.http.put(f"{PLC}/{DID}", body)
    with pytest.raises(IdentityUnreachable):
        await world.resolver.document(DID)


async def test_a_home_handle_is_verified_at_our_hosts_and_not_remembered(world: World) -> None:
    ask = "unix:/pds.sock/xrpc/com.atproto.identity.resolveHandle?handle=alice.test"
    world.http.put(f"{PLC}/{DID}", document(handle="alice.test"))
    world.http.put(ask, {"did": DID})
    assert (await world.resolver.resolve(DID)).handle == "alice.test"
    assert await world.resolver.did_for(Handle("alice.test")) == DID
    world.http.put(ask, {"did": OTHER})
    assert await world.resolver.did_for(Handle("alice.test")) == OTHER
    world.http.put(ask, {}, 400)
    with pytest.raises(HandleNotFound):
        await world.resolver.did_for(Handle("alice.test"))


async def test_a_foreign_home_handle_is_verified_at_its_own_pds(world: World) -> None:
    path = "/xrpc/com.atproto.identity.resolveHandle?handle=carol.test"
    world.http.put(f"{PLC}/{DID}", document(handle="carol.test"))
    world.http.put(f"unix:/pds.sock{path}", {}, 400)
    world.http.put(f"{PDS}{path}", {"did": DID})
    assert (await world.resolver.resolve(DID)).handle == "carol.test"


async def test_handles_are_remembered_for_an_hour(world: World) -> None:
    handle = Handle("alice.example.com")
    await world.resolver.did_for(handle)
    world.clock.advance(HOUR - 1)
    await world.resolver.did_for(handle)
    assert world.asked(WELL_KNOWN) == 1
    world.clock.advance(2)
    await world.resolver.did_for(handle)
    assert world.asked(WELL_KNOWN) == 2


async def test_a_did_web_is_fetched_from_its_host(world: World) -> None:
    did = Did("did:web:bob.example.com")
    url = "https://bob.example.com/.well-known/did.json"
    world.http.put(url, document(did, "bob.example.com"))
    assert (await world.resolver.document(did)).pds == PDS
    for body, status in ((b"", 500), (b"<!doctype html>Back in an hour", 200)):
        world.http.put(url, body, status)
        assert (await world.resolver.document(did, fresh=True)).pds == PDS
    assert world.resolver.stale_since(did) == world.clock.now()
    del world.http.answers[url]
    assert (await world.resolver.document(did, fresh=True)).pds == PDS


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [(b"no json", 200, DidNotFound), (b"", 404, DidNotFound), (b"", 500, IdentityUnreachable)],
)
async def test_a_did_web_without_a_document_is_not_found(
    world: World, body: bytes, status: int, error: type[Exception]
) -> None:
    world.http.put("https://bob.example.com/.well-known/did.json", body, status)
    with pytest.raises(error):
        await world.resolver.document(Did("did:web:bob.example.com"))


async def test_other_did_methods_are_not_supported(world: World) -> None:
    with pytest.raises(DidNotFound, match="not supported"):
        await world.resolver.document(Did("did:key:zabc"))


@pytest.mark.parametrize(
    ("did", "url"),
    [
        ("did:web:Example.com", "https://example.com/.well-known/did.json"),
        ("did:web:localhost", "http://localhost/.well-known/did.json"),
        ("did:web:localhost%3A2583", "http://localhost:2583/.well-known/did.json"),
        ("did:web:example.com%3A8080", None),
        ("did:web:example.com:user", None),
        ("did:web:example.com%2Fpath", None),
        ("did:web:intranet", None),
        ("did:web:user%40example.com", None),
        ("did:web:localhost%3A25830000", None),
    ],
)
def test_a_did_web_names_a_host_and_nothing_more(did: str, url: str | None) -> None:
    if url is None:
        with pytest.raises(DidNotFound):
            web_document_url(Did.unchecked(did))
    else:
        assert web_document_url(Did.unchecked(did)) == url


async def test_a_fresh_look_is_not_told_what_somebody_was_told_before(world: World) -> None:
    """As when an #identity event comes while a token of the same account is being checked."""
    old = world.http.request

    async def answered_late(method: str, url: str, **more: Any) -> Any:
        told = await old(method, url, **more)
        await arrives.wait()
        return told

    arrives = asyncio.Event()
    world.http.request = answered_late  # type: ignore[method-assign]
    before = asyncio.ensure_future(world.resolver.document(DID))
    await asyncio.sleep(0)
    world.http.put(f"{PLC}/{DID}", document(handle="anna.example.com"))
    world.http.put("https://anna.example.com/.well-known/atproto-did", DID.encode())
    fresh = asyncio.ensure_future(world.resolver.resolve(DID, fresh=True))
    await asyncio.sleep(0)
    arrives.set()
    assert (await before).handle == "alice.example.com"
    assert (await fresh).handle == "anna.example.com"
    assert world.asked(f"{PLC}/{DID}") == 2

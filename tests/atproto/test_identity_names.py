"""Handles to DIDs: by DNS, by HTTPS, by our own hosts."""

import socket
from collections.abc import Sequence

import pytest
from dns import asyncresolver, exception, resolver

from appliance.atproto.identity.errors import HandleNotFound, IdentityUnreachable
from appliance.atproto.identity.names import HandleNames, lookup_txt_records
from appliance.atproto.syntax import Handle
from tests.support.fake_http import FakeHttp

DID = "did:plc:yk4dd2qkboz2yv6tpubpc6co"
OTHER = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
ALICE = Handle("alice.example.com")
WELL_KNOWN = "https://alice.example.com/.well-known/atproto-did"
HOME = Handle("alice.test")
ASK = "/xrpc/com.atproto.identity.resolveHandle?handle=alice.test"


class Dns:
    def __init__(self, *records: str, down: bool = False) -> None:
        self.records = records
        self.down = down
        self.names: list[str] = []

    async def __call__(self, name: str) -> Sequence[str]:
        self.names.append(name)
        if self.down:
            raise OSError("no name server")
        return self.records


def names(http: FakeHttp, dns: Dns) -> HandleNames:
    return HandleNames(http, (".test", "home"), ("unix:/pds.sock", "http://localhost:1"), dns)


async def test_a_txt_record_names_the_did() -> None:
    http, dns = FakeHttp(), Dns("v=spf1", f"did={DID}")
    assert await names(http, dns).did_for(ALICE) == DID
    assert dns.names == ["_atproto.alice.example.com"]
    assert http.requests == []


async def test_two_different_dids_in_the_dns_are_none() -> None:
    with pytest.raises(HandleNotFound, match="more than one"):
        await names(FakeHttp(), Dns(f"did={DID}", f"did={OTHER}")).did_for(ALICE)
    assert await names(FakeHttp(), Dns(f"did={DID}", f"did={DID}")).did_for(ALICE) == DID


@pytest.mark.parametrize("dns", [Dns(), Dns("did=nonsense"), Dns(down=True)])
async def test_without_a_record_the_web_is_asked(dns: Dns) -> None:
    http = FakeHttp()
    http.put(WELL_KNOWN, f"  {DID}\n".encode())
    assert await names(http, dns).did_for(ALICE) == DID


@pytest.mark.parametrize(
    ("body", "status"), [(b"<html>", 200), (b"", 200), (DID.encode(), 404), (b"\xff\xfe", 200)]
)
async def test_a_page_that_is_no_did_is_none(body: bytes, status: int) -> None:
    http = FakeHttp()
    http.put(WELL_KNOWN, body, status)
    with pytest.raises(HandleNotFound, match="leads to no DID"):
        await names(http, Dns()).did_for(ALICE)


async def test_silence_is_not_taken_for_an_answer() -> None:
    with pytest.raises(IdentityUnreachable):
        await names(FakeHttp(), Dns(down=True)).did_for(ALICE)
    with pytest.raises(IdentityUnreachable):
        await names(FakeHttp(), Dns()).did_for(ALICE)
    http = FakeHttp()
    http.put(WELL_KNOWN, b"", 404)
    with pytest.raises(IdentityUnreachable):
        await names(http, Dns(down=True)).did_for(ALICE)


@pytest.mark.parametrize("handle", ["printer.local", "a.onion", "b.internal", "c.invalid"])
async def test_reserved_names_are_not_looked_up(handle: str) -> None:
    http, dns = FakeHttp(), Dns(f"did={DID}")
    with pytest.raises(HandleNotFound, match="reserved"):
        await names(http, dns).did_for(Handle(handle))
    assert dns.names == []
    assert http.requests == []


async def test_a_home_handle_is_asked_of_our_hosts_in_turn() -> None:
    http, dns = FakeHttp(), Dns(f"did={OTHER}")
    http.put(f"unix:/pds.sock{ASK}", {"error": "HandleNotFound"}, 400)
    http.put(f"http://localhost:1{ASK}", {"did": DID})
    assert await names(http, dns).did_for(HOME) == DID
    assert dns.names == []
    assert http.requests == [f"unix:/pds.sock{ASK}", f"http://localhost:1{ASK}"]


async def test_our_hosts_have_the_say_over_home_handles_before_strangers() -> None:
    http = FakeHttp()
    http.put(f"unix:/pds.sock{ASK}", {"did": DID})
    http.put(f"https://evil.example{ASK}", {"did": OTHER})
    assert await names(http, Dns()).did_for(HOME, "https://evil.example") == DID
    http.put(f"unix:/pds.sock{ASK}", {}, 400)
    http.put(f"http://localhost:1{ASK}", [], 200)
    assert await names(http, Dns()).did_for(HOME, "https://evil.example") == OTHER


async def test_a_home_handle_nobody_knows_is_not_found() -> None:
    http = FakeHttp()
    http.put(f"unix:/pds.sock{ASK}", b"not json", 200)
    http.put(f"http://localhost:1{ASK}", {"did": 1})
    with pytest.raises(HandleNotFound, match="not known here"):
        await names(http, Dns()).did_for(HOME)


async def test_on_the_open_network_no_stranger_has_a_say_over_our_domain() -> None:
    handle = Handle("eve.example.com")
    ask = "/xrpc/com.atproto.identity.resolveHandle?handle=eve.example.com"
    http, dns = FakeHttp(), Dns()
    http.put(f"unix:/pds.sock{ask}", {}, 400)
    http.put(f"https://evil.example{ask}", {"did": OTHER})
    http.put("https://eve.example.com/.well-known/atproto-did", b"", 404)
    ours = HandleNames(http, (".example.com",), ("unix:/pds.sock",), dns)
    with pytest.raises(HandleNotFound):
        await ours.did_for(handle, "https://evil.example")
    assert f"https://evil.example{ask}" not in http.requests
    dns.records = (f"did={DID}",)
    assert await ours.did_for(handle, "https://evil.example") == DID
    http.put(f"unix:/pds.sock{ask}", {"did": OTHER})
    assert await ours.did_for(handle) == OTHER


@pytest.mark.parametrize("status", [500, 502, 429])
async def test_a_host_in_trouble_leaves_the_question_open(status: int) -> None:
    http = FakeHttp()
    http.put(f"unix:/pds.sock{ASK}", {}, status)
    http.put(f"http://localhost:1{ASK}", {}, 400)
    with pytest.raises(IdentityUnreachable):
        await names(http, Dns()).did_for(HOME)


async def test_a_host_that_is_silent_leaves_the_question_to_the_next() -> None:
    http = FakeHttp()
    http.put(f"http://localhost:1{ASK}", {"did": DID})
    assert await names(http, Dns()).did_for(HOME) == DID
    http.put(f"http://localhost:1{ASK}", {}, 400)
    with pytest.raises(IdentityUnreachable):
        await names(http, Dns()).did_for(HOME)


def test_home_is_a_matter_of_whole_labels() -> None:
    home = names(FakeHttp(), Dns())
    assert home.is_home("alice.test")
    assert home.is_home("alice.home")
    assert not home.is_home("alice.contest")
    assert not home.is_home("alice.test.example.com")
    assert not HandleNames(FakeHttp()).is_home("alice.test")


async def test_txt_records_are_joined_from_their_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Record:
        strings = (b"did=did:plc:", b"yk4dd2qkboz2yv6tpubpc6co")

    async def resolve(name: str, kind: str, **_: object) -> list[Record]:
        assert (name, kind) == ("_atproto.alice.example.com", "TXT")
        return [Record()]

    monkeypatch.setattr(asyncresolver, "resolve", resolve)
    assert await lookup_txt_records("_atproto.alice.example.com") == [f"did={DID}"]


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (resolver.NXDOMAIN, []),
        (resolver.NoAnswer, []),
        (exception.Timeout, None),
        (resolver.NoNameservers, None),
        (resolver.NoResolverConfiguration, None),
        (socket.gaierror, None),
    ],
)
async def test_no_such_name_is_told_from_no_answer(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], found: list[str] | None
) -> None:
    async def resolve(*_: object, **__: object) -> list[object]:
        raise error.__new__(error)  # some want arguments we have no use for

    monkeypatch.setattr(asyncresolver, "resolve", resolve)
    if found is None:
        with pytest.raises(OSError):  # noqa: PT011
            await lookup_txt_records("_atproto.alice.example.com")
    else:
        assert await lookup_txt_records("_atproto.alice.example.com") == found

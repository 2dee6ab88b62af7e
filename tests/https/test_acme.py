"""The client of ACME, at an authority of the tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509

from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient, OutboundFailed
from appliance.https.account_key import AccountKey, new_key
from appliance.https.acme import AcmeClient, AcmeRefused, Challenge
from appliance.https.requests import request_for
from appliance.https.shelf import names_in
from tests.support.acme_authority import AcmeAuthority

NAME = "smith.example"


class Shown:
    """A way to prove names that only remembers."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.seen: list[str] = []
        self.is_shown = False

    @asynccontextmanager
    async def shown(self, challenge: Challenge) -> AsyncIterator[None]:
        self.seen.append(challenge.authorization)
        self.is_shown = True
        try:
            yield
        finally:
            self.is_shown = False


class Scene:
    """An authority and a client of it."""

    def __init__(self, authority: AcmeAuthority, client: AcmeClient, key: AccountKey) -> None:
        self.authority = authority
        self.client = client
        self.key = key
        self.way = Shown("http-01")

    async def get(self, name: str = NAME, *ways: Shown) -> x509.Certificate:
        request = request_for([name], new_key())
        pem = await self.client.certificate([name], request, ways or [self.way])
        return x509.load_pem_x509_certificate(pem.encode())


async def _at_once(_seconds: float) -> None:
    pass


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    authority = AcmeAuthority()
    key = AccountKey.kept(tmp_path / "account.key")
    policy = OutboundPolicy(allow_loopback=True)
    async with TestServer(authority.app()) as server, HttpClient.open(policy) as http:
        place = str(server.make_url("/dir"))
        yield Scene(authority, AcmeClient(http, place, key, "op@smith.example", _at_once), key)


async def test_a_name_is_proven_and_its_certificate_signed(scene: Scene) -> None:
    assert names_in(await scene.get()) == (NAME,)
    assert scene.way.seen == [f"tok.{scene.key.thumbprint}"]
    assert not scene.way.is_shown


async def test_an_account_is_opened_once(scene: Scene) -> None:
    await scene.get()
    await scene.get()
    assert scene.authority.counted["account"] == 1
    assert scene.authority.counted["certificate"] == 2


async def test_the_key_of_the_account_stays(tmp_path: Path) -> None:
    first = AccountKey.kept(tmp_path / "k")
    assert AccountKey.kept(tmp_path / "k").thumbprint == first.thumbprint
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600


async def test_nonces_that_are_refused_are_replaced(scene: Scene) -> None:
    scene.authority.bad_nonces = 5
    assert names_in(await scene.get()) == (NAME,)


async def test_an_authority_that_takes_no_nonce_is_given_up(scene: Scene) -> None:
    scene.authority.bad_nonces = 10_000
    with pytest.raises(AcmeRefused, match="badNonce"):
        await scene.get()
    assert scene.authority.bad_nonces == 10_000 - 8


async def test_a_failed_proof_is_told_in_the_authoritys_words(scene: Scene) -> None:
    scene.authority.fails = "connection"
    with pytest.raises(AcmeRefused) as refused:
        await scene.get()
    assert (refused.value.kind, refused.value.detail) == ("connection", "nothing is there")
    assert not scene.way.is_shown


@pytest.mark.parametrize("form", ["seconds", "date", "none"])
async def test_a_limit_is_told_with_how_long_to_wait(scene: Scene, form: str) -> None:
    then = datetime.now(UTC) + timedelta(seconds=7200)
    wait = {"seconds": "7200", "date": format_datetime(then, usegmt=True), "none": ""}[form]
    scene.authority.refusals.append((429, "rateLimited", wait))
    with pytest.raises(AcmeRefused) as refused:
        await scene.get()
    assert refused.value.kind == "rateLimited"
    assert refused.value.wait == (pytest.approx(7200, abs=120) if wait else 0)
    assert names_in(await scene.get()) == (NAME,)


async def test_an_account_that_is_gone_is_opened_anew(scene: Scene) -> None:
    await scene.get()
    scene.authority.refusals.append((400, "accountDoesNotExist", ""))
    with pytest.raises(AcmeRefused):
        await scene.get()
    await scene.get()
    assert scene.authority.counted["account"] == 2


async def test_the_first_way_that_is_offered_is_taken(scene: Scene) -> None:
    scene.authority.offers = ["dns-01", "tls-alpn-01"]
    await scene.get(NAME, Shown("http-01"), Shown("tls-alpn-01"), Shown("dns-01"))
    assert scene.authority.chosen == ["tls-alpn-01"]


async def test_a_wildcard_that_cannot_be_proven_here_is_told(scene: Scene) -> None:
    scene.authority.offers = ["dns-01"]
    with pytest.raises(AcmeRefused, match=r"\*\.smith\.example can only be proven by dns-01"):
        await scene.get(f"*.{NAME}")


async def test_answers_that_make_no_sense_are_a_refusal(tmp_path: Path) -> None:
    async def nonsense(_request: web.Request) -> web.Response:
        return web.json_response([1], headers={"Replay-Nonce": "n", "Location": "/x"})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", nonsense)
    key = AccountKey(new_key())
    policy = OutboundPolicy(allow_loopback=True)
    async with TestServer(app) as server, HttpClient.open(policy) as http:
        client = AcmeClient(http, str(server.make_url("/dir")), key)
        with pytest.raises(AcmeRefused, match="cannot be understood"):
            await client.certificate([NAME], b"", [])


async def test_an_authority_that_does_not_answer_is_told_apart(tmp_path: Path) -> None:
    async with TestServer(web.Application()) as server:
        place = str(server.make_url("/dir"))
    async with HttpClient.open(OutboundPolicy(allow_loopback=True)) as http:
        with pytest.raises(OutboundFailed):
            await AcmeClient(http, place, AccountKey(new_key())).certificate([NAME], b"", [])

"""The doors for HTTPS and http, with an authority of the tests behind them."""

import asyncio
import contextlib
import gc
import hashlib
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from cryptography import x509

from appliance.base.addresses import OutboundPolicy
from appliance.base.workers import Workers
from appliance.https import tls_door
from appliance.https.acme import Challenge
from appliance.https.hello import Hello
from appliance.https.opening import Https, names_of
from appliance.https.proofs import ACME_TLS
from appliance.https.tls_door import TlsDoor
from appliance.settings import Settings, defaults
from appliance.upkeep.https_journal import Standing
from tests.support.acme_authority import AcmeAuthority, write_signed
from tests.support.client import soon
from tests.support.https_house import NAME, HttpsHouse, house
from tests.support.waiting import until


@pytest.fixture
def small(tmp_path: Path) -> HttpsHouse:
    return house(tmp_path)


@asynccontextmanager
async def opened(
    small: HttpsHouse, authority: AcmeAuthority, **https: object
) -> AsyncIterator[Https]:
    async with TestServer(authority.app()) as server:
        settings = small.settings(str(server.make_url("/dir")), **https)
        async with small.open(settings, OutboundPolicy(allow_loopback=True)) as running:
            yield running


async def _got(url: str, host: str = NAME) -> tuple[int, str, str]:
    """Ask; give status, body and where one is sent on to."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(url, headers={"Host": host}, ssl=False, allow_redirects=False) as answer,
    ):
        return answer.status, await answer.text(), answer.headers.get("Location", "")


async def test_requests_come_through_with_who_asked(small: HttpsHouse) -> None:
    async with opened(small, AcmeAuthority()):
        await small.until_had()
        status, text, _ = await _got(f"https://127.0.0.1:{small.port}/x")
        assert (status, text) == (200, f"https {NAME} 127.0.0.1")


async def test_nothing_is_shown_while_there_is_no_certificate(small: HttpsHouse) -> None:
    authority = AcmeAuthority()
    authority.fails = "connection"
    async with opened(small, authority):
        await small.until_failed()
        with pytest.raises((ssl.SSLError, OSError)):
            await small.shown(NAME)


async def test_nothing_is_asked_before_a_name_can_be_proven(small: HttpsHouse) -> None:
    authority = AcmeAuthority()
    small.closed = {"https", "http"}
    async with opened(small, authority) as https:
        journal = small.journal()
        assert (journal.closed, journal.waits) == (f"{small.port}, {small.plain_port}", True)
        assert journal.names == {NAME: Standing()}
        assert https.ways == []
    assert authority.counted["account"] == 0
    small.closed = set()
    async with opened(small, authority):
        await small.until_had()
    assert authority.counted["certificate"] == 1
    assert (small.journal().closed, small.journal().waits) == ("", False)


@pytest.mark.parametrize("closed", ["https", "http"])
async def test_one_open_port_is_enough(small: HttpsHouse, closed: str) -> None:
    authority = AcmeAuthority()
    small.closed = {closed}
    async with opened(small, authority):
        await until(lambda: small.journal().of(NAME).ends)
    assert authority.chosen == ["http-01" if closed == "https" else "tls-alpn-01"]


async def test_what_failed_is_asked_again_as_soon_as_more_is_open(small: HttpsHouse) -> None:
    authority = AcmeAuthority()
    authority.fails = "connection"
    small.closed = {"http"}
    async with opened(small, authority):
        await small.until_failed()
    assert small.journal().of(NAME).next_at - small.journal().of(NAME).tried_at > 59
    authority.fails, small.closed = "", set()
    async with opened(small, authority):
        await small.until_had()


async def test_ways_take_turns_when_one_does_not_prove(small: HttpsHouse) -> None:
    authority = AcmeAuthority()
    authority.fails = "connection"
    async with opened(small, authority) as https:
        await small.until_failed()
        await https.renew(NAME)
        await https.renew(NAME)
    assert authority.chosen == ["http-01", "tls-alpn-01", "http-01"]


async def test_an_authority_that_looks_by_tls_disturbs_nobody(small: HttpsHouse) -> None:
    async with opened(small, AcmeAuthority()) as https:
        mine = await small.until_had()
        authority = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.check_hostname = False
        authority.verify_mode = ssl.CERT_NONE
        authority.set_alpn_protocols([ACME_TLS])

        async def look() -> tuple[bytes, str]:
            async with asyncio.timeout(60):
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", small.port, ssl=authority, server_hostname=NAME
                )
            seen = writer.get_extra_info("ssl_object")
            found = seen.getpeercert(binary_form=True), seen.selected_alpn_protocol()
            writer.transport.abort()
            return found

        async with https.proofs.shown(Challenge(NAME, "tls-alpn-01", "tok", "tok.thumb")):
            raw, protocol = await look()
            assert protocol == ACME_TLS
            proof = x509.load_der_x509_certificate(raw).extensions.get_extension_for_oid(
                x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
            )
            assert proof.critical
            assert proof.value.public_bytes()[2:] == hashlib.sha256(b"tok.thumb").digest()
            assert (await small.shown(NAME)).serial_number == mine.serial_number
        with pytest.raises((ssl.SSLError, OSError)):
            await look()


async def test_plain_requests_are_sent_on_or_proven(small: HttpsHouse) -> None:
    async with opened(small, AcmeAuthority()) as https:
        plain, port = f"http://127.0.0.1:{small.plain_port}", small.port
        for host, wanted in ((NAME, NAME), (f"ann.{NAME}:80", f"ann.{NAME}"), ("evil.test", NAME)):
            status, _, place = await _got(f"{plain}/a?b=%20c", host)
            assert (status, place) == (308, f"https://{wanted}:{port}/a?b=%20c")
        assert (await _got(f"{plain}/.well-known/acme-challenge/other"))[0] == 404
        async with https.texts.shown(Challenge(NAME, "http-01", "other", "tok.thumb")):
            got = await _got(f"{plain}/.well-known/acme-challenge/other")
            assert got[:2] == (200, "tok.thumb")
        async with aiohttp.ClientSession() as http, http.post(f"{plain}/xrpc/x") as answer:
            assert answer.status == 403


async def test_those_who_do_not_speak_tls_are_hung_up_on(small: HttpsHouse) -> None:
    async with opened(small, AcmeAuthority()):
        await small.until_had()
        reader, writer = await asyncio.open_connection("127.0.0.1", small.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        heard = b""
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(60):
                heard = await reader.read()
        assert heard == b""
        writer.close()


async def test_a_hello_in_pieces_is_heard(small: HttpsHouse) -> None:
    async with opened(small, AcmeAuthority()):
        await small.until_had()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname=NAME)
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        said = outgoing.read()
        reader, writer = await asyncio.open_connection("127.0.0.1", small.port)
        for at in range(0, len(said), 200):
            writer.write(said[at : at + 200])
            await writer.drain()
            await asyncio.sleep(0.01)
        async with asyncio.timeout(60):
            incoming.write(await reader.readexactly(5))
        assert incoming.read(1) == b"\x16"
        writer.transport.abort()


async def test_the_owners_files_are_shown_and_read_anew(small: HttpsHouse) -> None:
    small.data.mkdir(exist_ok=True)
    file = small.data / "own.pem"
    first = write_signed(file, [NAME, f"*.{NAME}"])
    async with opened(small, AcmeAuthority(), mode="files", certificate=str(file)) as https:
        assert (await small.shown(f"ann.{NAME}")).serial_number == first
        second = write_signed(file, [NAME])
        os.utime(file, (1, 1))
        assert https.own is not None
        assert https.own.look()
        assert (await small.shown(NAME)).serial_number == second
        file.write_text("half of")
        assert not https.own.look()
        assert (await small.shown(NAME)).serial_number == second


def test_no_port_is_opened_unless_the_mode_asks_for_it() -> None:
    assert not {"https", "http"} & defaults("public", Path("x")).places.keys()
    asked = Settings().with_values({"https.mode": "acme", "https.plain_port": 0})
    assert asked.places["https"] == ("0.0.0.0", 443)  # noqa: S104
    assert asked.places["http"][1] == 0


def test_certificates_are_for_names_that_an_authority_can_look_at() -> None:
    settings = Settings().with_values(
        {
            "pds.hostname": NAME,
            "relay.hostname": f"relay.{NAME}",
            "appview.public_url": "http://192.168.1.20:2580",
            "labeler.public_url": "http://localhost:3000",
        }
    )
    assert names_of(settings) == (NAME, f"relay.{NAME}")


async def test_a_certificate_that_is_damaged_is_got_anew(small: HttpsHouse) -> None:
    async with opened(small, AcmeAuthority()):
        await small.until_had()
    (small.data / "secrets" / "https" / f"{NAME}.pem").write_text("half of")
    authority = AcmeAuthority()
    async with opened(small, authority):
        await until(lambda: authority.counted["certificate"])
        await until(
            lambda: "half" not in (small.data / "secrets/https" / f"{NAME}.pem").read_text()
        )
        assert (await small.shown(NAME)).extensions


async def test_silent_callers_do_not_keep_others_out(small: HttpsHouse) -> None:
    async with opened(small, AcmeAuthority()):
        await small.until_had()
        silent = [socket.create_connection(("127.0.0.1", small.port)) for _ in range(40)]
        assert (await small.shown(NAME)).extensions
        for each in silent:
            each.close()


@pytest.mark.parametrize("turns", range(8))
async def test_nobody_is_dropped_who_comes_while_the_door_closes(turns: int) -> None:
    async def never(_hello: Hello) -> ssl.SSLContext | None:
        raise AssertionError("nobody said a word")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        async with Workers() as workers:
            door = TlsDoor(asyncio.Protocol, never, workers)
            workers.start("door", partial(door.serve, listener))
            for _ in range(4):
                await asyncio.sleep(0)
            caller = socket.create_connection(listener.getsockname(), timeout=60)
            for _ in range(turns):
                await asyncio.sleep(0)
        gc.collect()  # a connection that was dropped warns of it here
    with caller, contextlib.suppress(ConnectionResetError):
        assert caller.recv(1) == b""


async def test_one_address_cannot_keep_all_others_out(
    small: HttpsHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_door, "SECONDS_TO_SPEAK", 600.0)
    async with opened(small, AcmeAuthority()):
        mine = await small.until_had()
        silent = []
        for _ in range(600):
            _, writer = await asyncio.open_connection("127.0.0.1", small.port)
            silent.append(writer)
        with pytest.raises((ssl.SSLError, OSError)):
            await small.shown(NAME)
        other = await small.shown(NAME, local_address="127.0.0.2")
        assert other.serial_number == mine.serial_number
        for writer in silent:
            writer.transport.abort()

        async def is_let_in() -> bool:
            with contextlib.suppress(ssl.SSLError, OSError):
                return (await small.shown(NAME)).serial_number == mine.serial_number
            return False

        await soon(is_let_in, bool)

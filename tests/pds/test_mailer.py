"""Mail: into the outbox always, by SMTP when there is a server."""

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from threading import enumerate as enumerate_threads

import pytest

from appliance.atproto.syntax import Did
from appliance.base.database import Database
from appliance.base.workers import Workers
from appliance.pds.mail_server import MailServer
from appliance.pds.mailer import KEPT_US, Mailer
from tests.support.clock import FakeClock
from tests.support.smtp import SmtpStub, listening

ALICE = Did("did:plc:aliceaaaaaaaaaaaaaaaaaaa")


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    schema = files("appliance.pds") / "schema"
    async with await Database.open(tmp_path / "pds.sqlite", schema) as opened:
        yield opened


async def test_without_a_server_mail_waits_in_the_outbox(db: Database) -> None:
    mailer = Mailer(db, FakeClock(), None, "hearth@example.com")
    await mailer.send(ALICE, "alice@example.com", "One", "First.")
    await mailer.send(ALICE, "alice@example.com", "Two", "Second.")
    assert not mailer.sends
    newest, older = await mailer.page(None, 10)
    assert (newest.subject, older.subject) == ("Two", "One")
    assert newest.sent_at is None
    assert await mailer.page(newest.id, 10) == [older]


async def test_mail_is_handed_to_the_server(db: Database) -> None:
    stub = SmtpStub()
    async with listening(stub) as url:
        mailer = Mailer(db, FakeClock(), MailServer.of_url(url), "hearth@example.com")
        await mailer.send(ALICE, "alice@example.com", "A\r\nBcc: x@example.com", "Grüße.")
        await mailer.work_off()
    [mail] = stub.mails
    assert "To: alice@example.com" in mail
    assert "From: hearth@example.com" in mail
    assert "\r\nBcc:" not in mail
    [kept] = await mailer.page(None, 10)
    assert kept.sent_at is not None


async def test_the_worker_sends_mail_as_it_comes(db: Database) -> None:
    stub = SmtpStub()
    async with listening(stub) as url, Workers() as workers:
        mailer = Mailer(db, FakeClock(), MailServer.of_url(url), "hearth@example.com")
        workers.start("mail", mailer.run)
        await asyncio.sleep(0)
        await mailer.send(ALICE, "alice@example.com", "A", "Body.")
        await asyncio.wait_for(stub.talked.wait(), 60)
    assert len(stub.mails) == 1


async def test_a_refused_mail_stays_with_its_reason(db: Database) -> None:
    stub = SmtpStub(takes_mail=False)
    async with listening(stub) as url:
        mailer = Mailer(db, FakeClock(), MailServer.of_url(url), "hearth@example.com")
        await mailer.send(ALICE, "alice@example.com", "A", "Body.")
        await mailer.work_off()
    [kept] = await mailer.page(None, 10)
    assert kept.sent_at is None
    assert "550" in (kept.failure or "")


async def test_a_mail_server_that_says_nothing_does_not_keep_us(db: Database) -> None:
    called, over = asyncio.Event(), asyncio.Event()
    before = set(enumerate_threads())

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        await over.wait()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Workers() as workers:
            mailer = Mailer(db, FakeClock(), MailServer.of_url(url), "hearth@example.com")
            workers.start("mail", mailer.run)
            await mailer.send(ALICE, "alice@example.com", "A", "Body.")
            await asyncio.wait_for(called.wait(), 60)
            begun = set(enumerate_threads()) - before
            waiting = [each for each in begun if each.name == "mail"]
        # The process ends although the thread waits: asyncio waits only for its own threads.
        assert [each.daemon for each in waiting] == [True]
        over.set()
        await asyncio.to_thread(waiting[0].join, 5)


async def test_old_mail_is_forgotten(db: Database) -> None:
    clock = FakeClock()
    mailer = Mailer(db, clock, None, "hearth@example.com")
    await mailer.send(ALICE, "alice@example.com", "A", "Body.")
    clock.advance(KEPT_US / 1_000_000 + 1)
    await mailer.work_off()
    assert await mailer.page(None, 1) == []

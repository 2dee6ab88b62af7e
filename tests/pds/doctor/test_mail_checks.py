"""A mail server that is wrong in one way at a time: which step fails is told, and what to do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from appliance.pds.doctor import mail_checks
from appliance.pds.mail_server import MailServer, Security
from appliance.upkeep.checkup import Finding
from tests.support.ports import free_port

PASSWORD = "open sesame"
SENDER = "hearth@smiths.example"


@asynccontextmanager
async def server(**answers: str) -> AsyncIterator[int]:
    """Answer each command by its first word; what is not named is taken."""

    answers.setdefault("QUIT", "221 bye")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answers.get("hello", "220 here").encode() + b"\r\n")
        while line := (await reader.readline()).decode("latin-1").split():
            word = line[0].upper()
            writer.write(answers.get(word, "250 taken").encode() + b"\r\n")
            if word == "QUIT":
                break
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def look(
    port: int, security: Security = "none", username: str = "", host: str = "127.0.0.1"
) -> Finding:
    mail = MailServer(host, port, security, username, PASSWORD if username else "")
    (finding,) = await asyncio.to_thread(lambda: list(mail_checks.look(mail, SENDER)))
    assert (finding.level == "good") == (finding.remedy == "")
    assert PASSWORD not in str(finding)
    return finding


async def test_a_server_that_takes_mail_is_well() -> None:
    async with server() as port:
        assert (await look(port)).seen == f"127.0.0.1:{port} takes mail from {SENDER}"


async def test_a_name_that_nobody_knows_is_told() -> None:
    finding = await look(25, host="no-such-host.invalid")
    assert finding.seen == "nobody knows the name no-such-host.invalid"


async def test_a_closed_port_is_told() -> None:
    finding = await look(free_port())
    assert "cannot be connected to" in finding.seen


async def test_what_is_no_mail_server_is_told() -> None:
    async with server(hello="HTTP/1.1 400 Bad Request") as port:
        assert "not as a mail server should" in (await look(port)).seen


async def test_a_server_without_encryption_is_told() -> None:
    async with server() as port:
        finding = await look(port, "starttls")
        assert "does not offer what is asked" in finding.seen
        assert finding.expected == "smtp.security starttls"


async def test_a_server_that_does_not_begin_with_tls_is_told() -> None:
    async with server() as port:
        finding = await look(port, "tls")
        assert "does not speak TLS as expected" in finding.seen
        assert "465 is for tls, 587 for starttls" in finding.remedy


async def test_a_login_that_is_refused_is_told_without_the_password() -> None:
    offered = "250-here\r\n250 AUTH PLAIN"
    async with server(EHLO=offered, AUTH="535 5.7.8 wrong") as port:
        finding = await look(port, username="hearth")
        assert "does not take the login: 5.7.8 wrong" in finding.seen
        assert "app password" in finding.remedy


async def test_a_server_without_logins_is_told() -> None:
    async with server() as port:
        assert "does not offer what is asked" in (await look(port, username="hearth")).seen


@pytest.mark.parametrize("answer", ["550 5.7.1 not yours", "553 no"])
async def test_a_sender_that_is_refused_is_told(answer: str) -> None:
    async with server(MAIL=answer) as port:
        finding = await look(port)
        assert f"takes no mail from {SENDER}: {answer}" in finding.seen
        assert "smtp.sender" in finding.remedy

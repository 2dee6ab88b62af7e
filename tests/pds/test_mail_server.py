"""Mail servers as they are in the world: with TLS, with passwords, with neither."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.pds.mail_server import MailServer
from appliance.settings_groups import SmtpSettings
from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_SECONDS

PASSWORD = "p@ss:word/%41"


class Inbox(Message):
    """Keeps what it is handed."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)


def check(
    _server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: Any
) -> AuthResult:
    """Let one user in, by one password."""
    assert isinstance(given, LoginPassword)
    right = (given.login, given.password) == (b"hearth", PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@contextmanager
def running(inbox: Inbox, **options: Any) -> Iterator[int]:
    """Run a mail server; give its port."""
    port = free_port()
    controller = Controller(
        inbox, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE_SECONDS, **options
    )
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A context for a server named localhost, and the certificate to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "mail.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, path


def hand_over(server: MailServer) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "hearth@a.example", "ann@b.example", "Hi"
    message.set_content("Your code is ABCDE-FGHIJ.")
    with server.connect() as connection:
        connection.send_message(message)


def test_a_server_without_ceremony_takes_mail() -> None:
    inbox = Inbox()
    with running(inbox) as port:
        hand_over(MailServer("127.0.0.1", port, "none"))
    assert [mail["Subject"] for mail in inbox.mails] == ["Hi"]


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # on loopback
def test_fields_of_their_own_need_no_encoding(tmp_path: Path) -> None:
    password = tmp_path / "smtp-password"
    password.write_text(f"{PASSWORD}\nnot this line", encoding="utf-8")
    inbox = Inbox()
    options: dict[str, Any] = {"auth_require_tls": False, "authenticator": check}
    options["auth_required"] = True
    with running(inbox, **options) as port:
        settings = SmtpSettings(host="127.0.0.1", port=port, security="none", username="hearth")
        server = MailServer.of(settings, password)
        assert server is not None
        hand_over(server)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            hand_over(MailServer("127.0.0.1", port, "none", "hearth", "wrong"))
        with pytest.raises(smtplib.SMTPException):
            hand_over(MailServer("127.0.0.1", port, "none"))
    assert len(inbox.mails) == 1
    assert PASSWORD not in repr(server)


def test_a_url_holds_the_same_percent_encoded() -> None:
    url = "smtps://hearth:p%40ss%3Aword%2F%2541@mail.example"
    assert MailServer.of_url(url) == MailServer("mail.example", 465, "tls", "hearth", PASSWORD)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    context, certificate = tls
    options = (
        {"ssl_context": context}
        if security == "tls"
        else {"tls_context": context, "require_starttls": True}
    )
    inbox = Inbox()
    with running(inbox, **options) as port:
        server = MailServer("localhost", port, security)  # type: ignore[arg-type]
        with pytest.raises(ssl.SSLCertVerificationError):
            hand_over(server)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        hand_over(server)
    assert len(inbox.mails) == 1


def test_what_must_be_encrypted_is_not_sent_in_the_clear() -> None:
    inbox = Inbox()
    with running(inbox) as port, pytest.raises(smtplib.SMTPNotSupportedError):
        hand_over(MailServer("127.0.0.1", port, "starttls"))
    assert inbox.mails == []


def test_usual_ports_go_without_saying(tmp_path: Path) -> None:
    nowhere = tmp_path / "no-password"
    for security, port in (("starttls", 587), ("tls", 465), ("none", 25)):
        server = MailServer.of(SmtpSettings(host="m.example", security=security), nowhere)  # type: ignore[arg-type]
        assert server is not None
        assert server.port == port
    assert MailServer.of(SmtpSettings(), nowhere) is None

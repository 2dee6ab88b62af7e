"""Could mail be sent? Each step apart, so that it is known which one fails; no mail is sent.

https://www.rfc-editor.org/rfc/rfc5321
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from typing import Final

from appliance.pds.mail_server import MailServer
from appliance.upkeep.checkup import Finding

SUBJECT: Final = "Mail"


def look(server: MailServer, sender: str, contact: str = "") -> Iterator[Finding]:
    """Go as far as naming the sender, and the operator as recipient, if their address is known.

    Takes as long as the server takes.
    """
    place = f"{server.host}:{server.port}"
    try:
        socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except OSError:
        yield _bad(
            f"nobody knows the name {server.host}",
            "the name of a mail server",
            "check smtp.host in the settings, and the DNS of this computer",
            "mail-dns",
        )
        return
    try:
        with server.connect() as found:
            code, answer = found.mail(sender)
            taken, told = found.rcpt(contact) if contact and code < 400 else (250, b"")
            found.rset()
    except ssl.SSLError as problem:
        yield _bad(
            f"{place} does not speak TLS as expected: {problem.reason or problem}",
            f"a certificate for {server.host} that is valid, and TLS the way of smtp.security",
            "465 is for tls, 587 for starttls; check the name, the port and the certificate",
            "mail-tls",
        )
    except smtplib.SMTPAuthenticationError as problem:
        yield _bad(
            f"{place} does not take the login: {_text(problem.smtp_error)}",
            f"to be let in as {server.username}",
            "check smtp.username and the file secrets/smtp-password; many want an app password",
            "mail-auth",
        )
    except smtplib.SMTPNotSupportedError as problem:
        yield _bad(
            f"{place} does not offer what is asked of it: {problem}",
            f"smtp.security {server.security}" + (" and a login" if server.username else ""),
            "choose another smtp.security, or leave the username out",
            "mail-offer",
        )
    except smtplib.SMTPException as problem:
        yield _bad(
            f"{place} answers, but not as a mail server should: {problem}",
            "a mail server that takes mail from here",
            "check the port; some providers close the one for mail",
            "mail-server",
        )
    except OSError as problem:
        yield _bad(
            f"{place} cannot be connected to: {problem.strerror or problem}",
            "a connection within 20 seconds",
            "check the port, and whether the provider closes it; 587 is seldom closed",
            "mail-tcp",
        )
    else:
        if taken >= 400:
            yield _bad(
                f"{place} takes no mail for {contact}: {taken} {_text(told)}",
                "a server that passes mail on to everybody",
                "many do so only for whom they know: set smtp.username and its password, or ask"
                " whoever runs it to relay mail from here",
                "mail-recipient",
            )
        elif code >= 400:
            yield _bad(
                f"{place} takes no mail from {sender}: {code} {_text(answer)}",
                "a sender it takes",
                "set smtp.sender to an address of that mail account",
                "mail-sender",
            )
        else:
            yield Finding(SUBJECT, "good", f"{place} takes mail from {sender}")


def _bad(seen: str, expected: str, remedy: str, cause: str) -> Finding:
    return Finding(SUBJECT, "bad", seen, expected, remedy, cause)


def _text(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:200]

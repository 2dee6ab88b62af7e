"""The server that takes outgoing mail: where it is, and how to talk to it."""

import smtplib
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self, TypeAlias
from urllib.parse import unquote, urlsplit

from appliance.settings_groups import SmtpSettings

# offered: encrypted if the server can; the others as in settings.
Security: TypeAlias = Literal["tls", "starttls", "none", "offered"]

TIMEOUT_SECONDS: Final = 20.0
_PORTS: Final[dict[Security, int]] = {"tls": 465, "starttls": 587, "none": 25, "offered": 25}


@dataclass(frozen=True)
class MailServer:
    """An SMTP server. Without a username nobody logs in."""

    host: str
    port: int
    security: Security
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: SmtpSettings, password_file: Path) -> Self | None:
        """Find the server in settings; None where there is none.

        The password is the first line of a file of its own.
        """
        if settings.host:
            port = settings.port or _PORTS[settings.security]
            text = password_file.read_text(encoding="utf-8") if password_file.exists() else ""
            password = text.partition("\n")[0].strip()
            return cls(settings.host, port, settings.security, settings.username, password)
        return cls.of_url(settings.url) if settings.url else None

    @classmethod
    def of_url(cls, url: str) -> Self:
        """Read `smtps://user:password@host:465` or `smtp://host`, percent-encoded."""
        parts = urlsplit(url)
        security: Security = "tls" if parts.scheme == "smtps" else "offered"
        return cls(
            parts.hostname or "localhost",
            parts.port or _PORTS[security],
            security,
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )

    def connect(self) -> smtplib.SMTP:
        """Open a connection and log in. Raises OSError, smtplib.SMTPException."""
        tls = ssl.create_default_context()
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=TIMEOUT_SECONDS, context=tls
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)
        try:
            self._enter(server, tls)
        except BaseException:
            server.close()
            raise
        return server

    def _enter(self, server: smtplib.SMTP, tls: ssl.SSLContext) -> None:
        server.ehlo()
        offered = self.security == "offered" and server.has_extn("starttls")
        if offered or self.security == "starttls":
            server.starttls(context=tls)
        if self.username:
            server.login(self.username, self.password)

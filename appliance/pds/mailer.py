"""Mail to members: always into the operator's outbox, and by SMTP where a server is set.

The outbox lets an operator hand a code over in person, so that nothing here depends on SMTP.
"""

import asyncio
import logging
import smtplib
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial

from appliance.atproto.syntax import Did
from appliance.base.apart import apart
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.pds.mail_server import MailServer

log = logging.getLogger(__name__)

KEPT_US = 7 * 86_400 * 1_000_000
RETRY_SECONDS = 60.0


@dataclass(frozen=True)
class Mail:
    """One mail; times in microseconds."""

    id: int
    did: Did
    recipient: str
    subject: str
    body: str
    created_at: int
    sent_at: int | None
    failure: str | None


class Mailer:
    """Queue mail, and send what is queued."""

    def __init__(self, db: Database, clock: Clock, server: MailServer | None, sender: str) -> None:
        self._db = db
        self._clock = clock
        self._server = server
        self._sender = sender
        self._news = asyncio.Event()

    @property
    def sends(self) -> bool:
        """Whether mail leaves this box at all."""
        return self._server is not None

    async def send(self, did: Did, recipient: str, subject: str, body: str) -> None:
        """Queue one mail. It is safe in the outbox on return, and sent soon after."""
        line = " ".join(subject.split())
        await self._db.write(insert, did, recipient, line, body, self._clock.now_us())
        self._news.set()

    async def page(self, before: int | None, limit: int) -> list[Mail]:
        """The newest mail first; `before` is an id."""
        return await self._db.scan(page, before, limit)

    async def run(self) -> None:
        """Send what is queued, for ever; a worker."""
        while True:
            self._news.clear()
            await self.work_off()
            try:
                async with asyncio.timeout(RETRY_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def work_off(self) -> None:
        """Forget old mail, and send what is queued if there is a server."""
        await self._db.write(forget, self._clock.now_us() - KEPT_US)
        if not self.sends:
            return
        for mail in await self._db.scan(unsent):
            failure = await apart("mail", partial(self._deliver, mail))
            if failure is None:
                await self._db.write(mark_sent, mail.id, self._clock.now_us())
            else:
                log.warning("mail not sent id=%d reason=%s", mail.id, failure)
                await self._db.write(mark_failed, mail.id, failure)

    def _deliver(self, mail: Mail) -> str | None:
        """Hand one mail to the server; say what went wrong."""
        if self._server is None:
            return "there is no mail server"
        message = EmailMessage(policy=SMTP)
        try:
            message["From"] = self._sender
            message["To"] = mail.recipient
            message["Subject"] = mail.subject
            message.set_content(mail.body)
            with self._server.connect() as server:
                server.send_message(message)
        except (OSError, ValueError, smtplib.SMTPException) as error:
            return f"{type(error).__name__}: {error}"[:300]
        return None


_COLUMNS = "id, did, recipient, subject, body, created_at, sent_at, failure"


def insert(
    conn: Connection, did: Did, recipient: str, subject: str, body: str, now_us: int
) -> None:
    conn.execute(
        "INSERT INTO outbox_mail (did, recipient, subject, body, created_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (did, recipient, subject, body, now_us),
    )


def page(conn: Connection, before: int | None, limit: int) -> list[Mail]:
    rows = conn.rows(
        f"SELECT {_COLUMNS} FROM outbox_mail WHERE id < ? ORDER BY id DESC LIMIT ?",  # noqa: S608
        2**62 if before is None else before,
        limit,
    )
    return [Mail(*row) for row in rows]


def unsent(conn: Connection) -> list[Mail]:
    rows = conn.rows(f"SELECT {_COLUMNS} FROM outbox_mail WHERE sent_at IS NULL")  # noqa: S608
    return [Mail(*row) for row in rows]


def mark_sent(conn: Connection, number: int, now_us: int) -> None:
    conn.execute(
        "UPDATE outbox_mail SET sent_at = ?, failure = NULL WHERE id = ?", (now_us, number)
    )


def mark_failed(conn: Connection, number: int, failure: str) -> None:
    conn.execute("UPDATE outbox_mail SET failure = ? WHERE id = ?", (failure, number))


def forget(conn: Connection, before_us: int) -> None:
    """Drop old mail: it holds codes and addresses."""
    conn.execute("DELETE FROM outbox_mail WHERE created_at < ?", (before_us,))


def delete_all(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM outbox_mail WHERE did = ?", (did,))

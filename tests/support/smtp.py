"""A small SMTP server for tests: it takes every mail, or none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class SmtpStub:
    """An SMTP server that takes every mail, or none."""

    def __init__(self, *, takes_mail: bool = True) -> None:
        self.mails: list[str] = []
        self.talked = asyncio.Event()
        self._takes_mail = takes_mail

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 stub\r\n")
        while line := (await reader.readline()).decode().strip().upper():
            if line == "DATA":
                writer.write(b"354 go on\r\n")
                mail = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(mail.decode())
                writer.write(b"250 taken\r\n")
            elif line == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            elif line.startswith("RCPT") and not self._takes_mail:
                writer.write(b"550 not here\r\n")
            else:
                writer.write(b"250 stub\r\n")
        self.talked.set()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def listening(stub: SmtpStub) -> AsyncIterator[str]:
    server = await asyncio.start_server(stub.talk, "127.0.0.1", 0)
    async with server:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"

"""A DNS server that takes changes by RFC 2136."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.message
import dns.rcode
import dns.rdataclass
import dns.tsig
import dns.update

KEY = base64.b64encode(b"k" * 32).decode()


class NameServer:
    """Takes changes that are signed with KEY; `records` is what it then has."""

    def __init__(self) -> None:
        self.records: list[tuple[str, str]] = []
        self.history: list[str] = []
        self.rcode = dns.rcode.NOERROR

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = dns.tsig.Key("hearth", base64.b64decode(KEY), dns.tsig.HMAC_SHA256)
        wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        try:
            said = dns.message.from_wire(wire, keyring={key.name: key})
        except dns.tsig.BadSignature:
            writer.close()
            return
        assert isinstance(said, dns.update.UpdateMessage)
        assert said.had_tsig
        assert str(said.zone[0].name) == "example."
        if self.rcode == dns.rcode.NOERROR:
            for changed in said.update:
                if changed.deleting == dns.rdataclass.ANY:
                    continue
                [text] = [item.to_text().strip('"') for item in changed]
                record = (str(changed.name).rstrip("."), text)
                if changed.deleting:
                    self.history.append("remove")
                    self.records.remove(record)
                else:
                    self.history.append("add")
                    self.records.append(record)
        answer = dns.message.make_response(said)
        answer.set_rcode(self.rcode)
        raw = answer.to_wire()
        writer.write(len(raw).to_bytes(2) + raw)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def name_server() -> AsyncIterator[tuple[NameServer, str]]:
    own = NameServer()
    async with await asyncio.start_server(own.answer, "127.0.0.1", 0) as server:
        yield own, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

"""TXT records that are put there and taken away again."""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.message
import dns.name
import dns.rcode
import dns.tsig
import dns.update
import pytest

from appliance.https.acme import AcmeRefused, Challenge
from appliance.https.dns_proofs import DnsProofs, Hook, Updates
from appliance.https.opening import dns_proofs
from appliance.settings import Settings, defaults

CHALLENGE = Challenge("smith.example", "dns-01", "tok", "tok.thumb")
OWNER = "_acme-challenge.smith.example"
# The SHA-256 of what the challenge asks for.
VALUE = "sYAwVrqDtVOuJZvAHurSAYPoEt5fFV_C4bdSOOW-o5Y"
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


async def test_a_record_is_there_while_the_authority_looks() -> None:
    async with name_server() as (own, place):
        proofs = DnsProofs(Updates(place, "example", "hearth", KEY), 0)
        async with proofs.shown(CHALLENGE):
            assert own.records == [(OWNER, VALUE)]
        assert own.records == []
        assert own.history == ["add", "remove"]


@pytest.mark.parametrize("rcode", ["REFUSED", "NOTZONE", "SERVFAIL"])
async def test_a_change_that_is_refused_is_told(rcode: str) -> None:
    async with name_server() as (own, place):
        own.rcode = dns.rcode.from_text(rcode)
        with pytest.raises(AcmeRefused, match=rcode):
            await Updates(place, "example", "hearth", KEY)("add", OWNER, VALUE)


async def test_a_server_that_does_not_know_the_key_is_told() -> None:
    async with name_server() as (_, place):
        wrong = base64.b64encode(b"w" * 32).decode()
        with pytest.raises(AcmeRefused, match="dns-update"):
            await Updates(place, "example", "hearth", wrong)("add", OWNER, VALUE)
    with pytest.raises(AcmeRefused, match="dns-update"):
        await Updates(place, "example", "hearth", KEY)("add", OWNER, VALUE)


def _program(folder: Path, text: str) -> Path:
    file = folder / "hook"
    file.write_text(f"#!{sys.executable}\nimport pathlib, sys\n{text}\n")
    file.chmod(0o755)
    return file


async def test_a_program_is_told_what_to_put_there_and_to_take_away(tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = _program(tmp_path, f"print(*sys.argv[1:], file=open({str(told)!r}, 'a'))")
    async with DnsProofs(Hook(program), 0).shown(CHALLENGE):
        assert told.read_text() == f"add {OWNER} {VALUE}\n"
    assert told.read_text().splitlines()[1] == f"remove {OWNER} {VALUE}"


async def test_a_program_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(AcmeRefused, match=r"ended with 1: no such zone"):
        await Hook(_program(tmp_path, "sys.exit('no such zone')"))("add", OWNER, VALUE)
    with pytest.raises(AcmeRefused, match="No such file"):
        await Hook(tmp_path / "none")("add", OWNER, VALUE)


def test_the_way_by_dns_is_there_where_settings_name_one(tmp_path: Path) -> None:
    assert dns_proofs(Settings()) is None
    by_hook = Settings().with_values({"https.dns_hook": "/usr/bin/true"})
    assert dns_proofs(by_hook) is not None
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "dns-key").write_text(KEY)
    values = {"https.dns_server": "[::1]:5353", "https.dns_zone": "example", "https.dns_key": "h"}
    way = dns_proofs(defaults("public", tmp_path).with_values(values))
    assert way is not None
    assert way.kind == "dns-01"

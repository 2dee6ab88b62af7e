"""TXT records that are put there and taken away again."""

import asyncio
import base64
import sys
from pathlib import Path

import dns.message
import dns.name
import dns.rcode
import dns.tsig
import dns.update
import pytest

from appliance.https import dns_proofs as module
from appliance.https.acme import AcmeRefused, Challenge
from appliance.https.dns_proofs import DnsProofs, Hook, Updates
from appliance.https.opening import dns_proofs
from appliance.settings import Settings, defaults
from tests.support.updated_dns import KEY, name_server
from tests.support.waiting import until

CHALLENGE = Challenge("smith.example", "dns-01", "tok", "tok.thumb")
OWNER = "_acme-challenge.smith.example"
# The SHA-256 of what the challenge asks for.
VALUE = "sYAwVrqDtVOuJZvAHurSAYPoEt5fFV_C4bdSOOW-o5Y"


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


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_program_without_end_is_ended_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_cancelled: bool
) -> None:
    told = tmp_path / "told"
    program = _program(
        tmp_path,
        "import os, subprocess\n"
        "other = subprocess.Popen(['sleep', '600'])\n"
        f"part = pathlib.Path({str(tmp_path / 'part')!r})\n"
        "part.write_text(f'{os.getpid()} {other.pid}')\n"
        f"part.rename({str(told)!r})\n"
        "other.wait()",
    )
    limits: list[asyncio.Timeout] = []
    begin = asyncio.timeout

    def noted(seconds: float) -> asyncio.Timeout:
        limit = begin(seconds)
        if seconds == module.SECONDS_TO_CHANGE:
            limits.append(limit)
        return limit

    monkeypatch.setattr(asyncio, "timeout", noted)
    running = asyncio.ensure_future(Hook(program)("add", OWNER, VALUE))
    await until(told.exists)
    own, other = (int(pid) for pid in told.read_text().split())
    if is_cancelled:
        running.cancel()
    else:
        limits[0].reschedule(0)  # now
    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError if is_cancelled else AcmeRefused):
            await running
    # It was waited for; what it started is whoever's who waits for orphans.
    assert _state(own) == ""
    await until(lambda: _state(other) in ("", "Z"))


def _state(pid: int) -> str:
    """Give the letter of a process's state; nothing: there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[0]


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

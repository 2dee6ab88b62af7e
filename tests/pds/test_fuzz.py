"""Every method of the PDS, asked in every state of signing in, sensibly and not.

`--fuzz N` asks N times as much, with other chances each time.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest

from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.xrpc.methods import Method
from appliance.pds import app as pds_app
from tests.support.lexicon_values import Requests
from tests.support.members_house import MembersHouse, open_members_house
from tests.support.pds_box import Answer
from tests.support.pds_callers import Callers, Credentials, Headers
from tests.support.pds_good_requests import GoodRequests, meaningful
from tests.support.tally import Tally

# They end what the others need, so they are asked when all else has been.
LAST = (
    "com.atproto.server.de",
    "com.atproto.server.revoke",
    "com.atproto.server.refresh",
    "com.atproto.identity.",
    "com.atproto.admin.",
    "internal.hearth.",
)
# What is answered by others: our AppView, or a service of somebody that is not there.
ELSEWHERE = (501, 502)
MANGLED = (b"", b"\x00", b"\xff\xfe", b"{", b"[" * 5_000, b'{"a":1e999}', b"\x1f\x8b\x08garbage")
ODD_HEADERS: tuple[Headers, ...] = (
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/json; charset=utf-7"},
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "br"},
    {"atproto-proxy": "did:web:localhost%3A1#x"},
    {"atproto-proxy": "#"},
    {"atproto-accept-labelers": "did:" * 500},
    {"Accept-Language": "ü" * 40},
    {"X-Forwarded-For": "999.1.1.1, ::"},
    {"Range": "bytes=9-1"},
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        yield opened


def methods() -> list[Method]:
    """Name what is asked: all that the PDS declares but streams, and some that it passes on."""
    declared = [each for table in pds_app._TABLES for each in table.methods.values()]
    return [each for each in declared if each.kind != "subscription"]


async def test_no_method_fails_in_any_state_of_signing_in(
    house: MembersHouse, pytestconfig: pytest.Config
) -> None:
    rounds: int = pytestconfig.getoption("--fuzz")
    random = Random(20261121 if rounds == 1 else None)  # noqa: S311
    known = await meaningful(house)
    callers = await Callers.gather(house)
    fixed = GoodRequests(house, known).fixed
    requests = Requests(load_catalog(), random, known, fixed)
    faults: list[str] = []
    statuses: list[int] = []
    tally = Tally()
    for _ in range(2 * rounds):
        asked = sorted(methods(), key=lambda each: (each.nsid.startswith(LAST), random.random()))
        for method in asked:
            for name, credentials in callers.known.items():
                made = _mangled(random, requests.make(method.nsid, wild=random.random() < 0.5))
                answer = await _send(house, method.nsid, credentials, made)
                statuses.append(answer.status)
                tally.note(method.nsid, name, answer.status, answer.json)
                if made[0] != "HEAD" and (fault := _fault(answer)):
                    faults.append(f"{name}: {made!s:.500}: {fault}")
    tally.keep(pytestconfig.getoption("--tally"), "pds")
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:20])
    good = sum(status < 300 for status in statuses)
    # Both happen often, or the requests were not worth much.
    assert good > len(statuses) // 50, (good, len(statuses))
    assert len(statuses) - good > len(statuses) // 4


Request: TypeAlias = tuple[str, str, bytes | None, Headers]


def _mangled(random: Random, request: Request) -> Request:
    """Spoil now and then what no lexicon speaks of: bytes, verbs, headers."""
    verb, path, body, headers = request
    if body and random.random() < 0.15:
        at = random.randrange(len(body))
        body = random.choice((*MANGLED, body[:at], body[:at] + b"\x80" + body[at + 1 :]))
    if random.random() < 0.1:
        headers = {**headers, **random.choice(ODD_HEADERS)}
    if random.random() < 0.03:
        verb = random.choice(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"))
    return verb, path[:7_000], body, headers


async def _send(
    house: MembersHouse, nsid: str, credentials: Credentials, request: Request
) -> Answer:
    verb, path, body, headers = request
    sent = {**headers, **credentials(verb, nsid)}
    return await house.box.ask(verb, path, data=body, headers=sent, skip_auto_headers=["Accept"])


def _fault(answer: Answer) -> str:
    """Say what is wrong with an answer, or nothing."""
    if answer.status < 400:
        return ""
    told = answer.json if isinstance(answer.json, dict) else {}
    if answer.status >= 500 and answer.status not in ELSEWHERE:
        return f"{answer.status} {told}"
    return "" if told.get("error") else f"{answer.status} has no name: {answer.body[:200]!r}"

"""Every method of the PDS, asked in every state of signing in, sensibly and not.

`--fuzz N` asks N times as much, with other chances each time.
"""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest

from appliance.atproto.cid import Cid
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.xrpc.methods import Method
from appliance.atproto.xrpc.service_auth import mint
from appliance.pds import app as pds_app
from appliance.pds.sessions import SessionKind
from tests.support.lexicon_values import Requests
from tests.support.members_house import ORIGIN, MembersHouse, open_members_house
from tests.support.oauth_client import App
from tests.support.pds_box import PASSWORD, Answer, Box, Member

Headers: TypeAlias = dict[str, str]
Credentials: TypeAlias = Callable[[str, str], Headers]  # for a verb and a method

NOBODY = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
NOTE = "test.hearth.note"
POST = "app.bsky.feed.post"
WORDS = ("a fox", "", "ünïcode 🦊", PASSWORD, "alice.test", "AAAAA-AAAAA", "60", "mail.test")
# Scopes of apps: nothing but the name, the old ones, everything that can be granted.
SCOPES = (
    "atproto",
    "atproto transition:generic transition:email transition:chat.bsky",
    "atproto repo:* blob:*/* account:email?action=manage account:repo?action=manage"
    " account:status?action=manage identity:* rpc:*?aud=did:web:appview.test%23bsky_appview",
)
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


@dataclass
class Callers:
    """Everybody who may call, by name."""

    house: MembersHouse
    known: dict[str, Credentials]

    @classmethod
    async def gather(cls, house: MembersHouse) -> "Callers":
        box, alice = house.box, house.alice
        asleep, gone, lost = [await box.sign_up(name) for name in ("asleep", "gone", "lost")]
        browser = await house.at_home()
        apps = [App.local(house, scope) for scope in SCOPES]
        for app in apps:
            await app.come_in(browser)
        drowsy = App.local(house, SCOPES[1])
        await drowsy.come_in(await house.at_home(asleep))
        old = box.pds.mint.access(alice.did, "full")
        box.clock.advance(3 * 3600)
        for app in (*apps, drowsy):
            assert (await app.refresh()).status == 200
            assert (await app.get_session()).status == 200
        await box.pds.lifecycle.deactivate(asleep.did, None)
        await box.pds.lifecycle.set_takedown(gone.did, "a reason")
        await box.pds.lifecycle.delete(lost.did)
        known = {
            "nobody": lambda _verb, _nsid: {},
            "expired": bearer(old),
            "renewal": bearer(alice.refresh),
            "operator": basic(box.pds.access.token),
            "wrong operator": basic("x"),
            "unsigned": bearer("eyJhbGciOiJub25lIn0.e30."),
            "malformed": lambda _verb, _nsid: {"Authorization": "Bearer a b"},
            "service": vouched(box, alice, str(box.pds.did)),
            "service for others": vouched(box, alice, "did:web:elsewhere.test"),
            "app without its key": bearer(apps[1].tokens["access_token"]),
            **dict(kinds(box, alice)),
            **{f"{name}, full": bearer(box.pds.mint.access(whose.did, "full"))
               for name, whose in (("asleep", asleep), ("gone", gone), ("lost", lost))},
            "gone": bearer(box.pds.mint.access(gone.did, "takendown")),
            "asleep by app": proven(drowsy),
            **{f"app {number}": proven(app) for number, app in enumerate(apps)},
        }  # fmt: skip
        return cls(house, known)


def kinds(box: Box, member: Member) -> Iterator[tuple[str, Credentials]]:
    every: tuple[SessionKind, ...] = ("full", "app_pass", "app_pass_privileged")
    for kind in every:
        yield f"member, {kind}", bearer(box.pds.mint.access(member.did, kind))


def bearer(token: str) -> Credentials:
    return lambda _verb, _nsid: {"Authorization": f"Bearer {token}"}


def basic(secret: str) -> Credentials:
    told = b64encode(f"admin:{secret}".encode()).decode()
    return lambda _verb, _nsid: {"Authorization": f"Basic {told}"}


def vouched(box: Box, member: Member, audience: str) -> Credentials:
    key = box.pds.keys.get(member.did)  # kept: the account may be deleted on the way

    def sign(_verb: str, nsid: str) -> Headers:
        token = mint(key, member.did, audience, nsid, box.clock.now())
        return {"Authorization": f"Bearer {token}"}

    return sign


def proven(app: App) -> Credentials:
    def prove(verb: str, nsid: str) -> Headers:
        token = app.tokens["access_token"]
        proof = app.proof(verb, f"{ORIGIN}/xrpc/{nsid}", token)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}

    return prove


async def meaningful(house: MembersHouse) -> dict[str, list[str]]:
    """Collect texts of each format that mean something here, and some that do not."""
    box, alice = house.box, house.alice
    bob = await box.sign_up("bob")
    record = {"text": "a fox", "createdAt": "2026-11-20T10:00:00.000Z"}
    given = {"repo": alice.did, "collection": POST, "record": record}
    access = box.pds.mint.access(alice.did, "full")
    made = (await box.post("com.atproto.repo.createRecord", access, **given)).json
    dids, handles = [alice.did, bob.did, NOBODY], ["alice.test", "bob.test", "nobody.test"]
    return {
        "did": [*dids],
        "handle": handles,
        "at-identifier": [*dids, *handles],
        "at-uri": [made["uri"], f"at://{NOBODY}/{POST}/3kaaaaaaaaa2a", f"at://{bob.did}"],
        "nsid": [POST, NOTE, "com.atproto.server.createSession"],
        "cid": [made["cid"], str(Cid.for_blob(b"x")), str(Cid.for_block(b""))],
        "datetime": ["2026-11-20T10:00:00.000Z", "1985-04-12T23:20:50.123Z"],
        "tid": [made["commit"]["rev"], "3kaaaaaaaaa2a"],
        "record-key": ["self", "3kaaaaaaaaa2a", made["uri"].rpartition("/")[2]],
        "uri": ["https://nobody.test/a", "http://127.0.0.1:1/"],
        "language": ["en"],
        "text": [*WORDS],
    }


async def test_no_method_fails_in_any_state_of_signing_in(
    house: MembersHouse, pytestconfig: pytest.Config
) -> None:
    rounds: int = pytestconfig.getoption("--fuzz")
    random = Random(20261121 if rounds == 1 else None)  # noqa: S311
    callers = await Callers.gather(house)
    requests = Requests(load_catalog(), random, await meaningful(house))
    faults: list[str] = []
    statuses: list[int] = []
    for _ in range(2 * rounds):
        asked = sorted(methods(), key=lambda each: (each.nsid.startswith(LAST), random.random()))
        for method in asked:
            for name, credentials in callers.known.items():
                made = _mangled(random, requests.make(method.nsid, wild=random.random() < 0.5))
                answer = await _send(house, method.nsid, credentials, made)
                statuses.append(answer.status)
                if made[0] != "HEAD" and (fault := _fault(answer)):
                    faults.append(f"{name}: {made!s:.500}: {fault}")
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

"""How often one may call, as the clients of the reference know it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.pds_box import PASSWORD, Answer, Box, Member, open_box

NOTE = "com.example.note"


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(
        tmp_path,
        limits_enabled=True,
        network_trusted_proxies=1,
        limits_bypass_addresses=("9.9.9.9",),
    ) as box:
        yield box


async def ask(
    box: Box,
    nsid: str,
    token: str | None = None,
    *,
    at: str = "1.1.1.1",
    key: str = "",
    **given: Any,
) -> Answer:
    headers = {"X-Forwarded-For": at}
    if key:
        headers["x-ratelimit-bypass"] = key
    body = {"json": given} if given else {}
    return await box.ask("POST", f"/xrpc/{nsid}", token=token, headers=headers, **body)


async def log_in(box: Box, identifier: str, password: str = PASSWORD, **more: Any) -> Answer:
    return await ask(
        box,
        "com.atproto.server.createSession",
        identifier=identifier,
        password=password,
        **more,
    )


async def write(box: Box, member: Member, count: int, **more: Any) -> Answer:
    """Create many records at once; each costs three points."""
    kind = "com.atproto.repo.applyWrites#create"
    writes = [
        {"$type": kind, "collection": NOTE, "value": {"n": number}} for number in range(count)
    ]
    return await ask(
        box,
        "com.atproto.repo.applyWrites",
        member.access,
        repo=member.did,
        writes=writes,
        validate=False,
        **more,
    )


async def test_every_answer_tells_what_is_left(box: Box) -> None:
    member = await box.sign_up()
    answer = await ask(
        box,
        "com.atproto.repo.createRecord",
        member.access,
        at="1.1.1.1",
        repo=member.did,
        collection=NOTE,
        record={},
        validate=False,
    )
    assert answer.status == 200
    told = {name: answer.headers[name] for name in ("RateLimit-Limit", "RateLimit-Policy")}
    assert told == {"RateLimit-Limit": "3000", "RateLimit-Policy": "3000;w=300"}
    assert int(answer.headers["RateLimit-Remaining"]) == 2999
    assert int(answer.headers["RateLimit-Reset"]) >= box.clock.now()
    assert "RateLimit-Remaining" in answer.headers["Access-Control-Expose-Headers"]


async def test_writes_cost_points_by_what_they_do(box: Box) -> None:
    member = await box.sign_up()
    answers = [await write(box, member, 200, at=f"1.1.1.{number}") for number in range(8)]
    assert [answer.status for answer in answers] == [200] * 8
    answer = answers[-1]
    # 4,800 of 5,000 points an hour are gone, from whatever address.
    assert answer.headers["RateLimit-Policy"] == "5000;w=3600"
    assert answer.headers["RateLimit-Remaining"] == "200"
    refused = await write(box, member, 67)
    assert (refused.status, refused.error) == (429, "RateLimitExceeded")
    assert refused.headers["RateLimit-Remaining"] == "200"
    assert (await write(box, member, 66)).status == 200
    other = await box.sign_up("bob")
    assert (await write(box, other, 67)).status == 200


async def test_logins_are_counted_by_name_and_address(box: Box) -> None:
    member = await box.sign_up()
    for _ in range(30):
        assert (await log_in(box, member.handle)).status == 200
    refused = await log_in(box, member.handle.upper())
    assert (refused.status, refused.error) == (429, "RateLimitExceeded")
    assert int(refused.headers["Retry-After"]) > 0
    assert (await log_in(box, member.handle, at="2.2.2.2")).status == 200
    box.clock.advance(60)
    assert (await log_in(box, member.handle)).status == 200


async def test_guessing_from_many_addresses_is_still_guessing(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.pds.credentials.FAILURE_SECONDS", 0.0)
    monkeypatch.setattr("appliance.pds.credentials.verify_password", _wrong)
    member = await box.sign_up()
    for number in range(100):
        guess = await log_in(box, member.handle, "guess", at=f"2001:db8:0:{number:x}::1")
        assert guess.status == 401
    refused = await log_in(box, member.email, at="2001:db8:0:ffff::1")
    assert (refused.status, refused.error) == (429, "RateLimitExceeded")


async def test_guessing_keeps_nobody_out_at_home(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.pds.credentials.FAILURE_SECONDS", 0.0)
    member, other = await box.sign_up(), await box.sign_up("other")
    refresh = "com.atproto.server.refreshSession"
    assert (await log_in(box, member.handle, at="5.5.5.5")).status == 200
    assert (await ask(box, refresh, member.refresh, at="7.7.7.7")).status == 200
    assert (await log_in(box, other.handle, at="8.8.8.8")).status == 200
    with monkeypatch.context() as guessing:
        guessing.setattr("appliance.pds.credentials.verify_password", _wrong)
        guesses = [
            (await log_in(box, member.handle, "guess", at=f"2001:db8:0:{number:x}::1")).status
            for number in range(101)
        ]
    assert guesses[-1] == 429
    for at, status in (("5.5.5.5", 200), ("7.7.7.7", 200), ("8.8.8.8", 429), ("9.9.9.8", 429)):
        assert (await log_in(box, member.handle, at=at)).status == status
    # What is known of an address gives it no more tries than anybody has.
    monkeypatch.setattr("appliance.pds.credentials.verify_password", _wrong)
    statuses = []
    for _ in range(2):
        for name in (member.handle, member.did, member.email):
            for _ in range(30):
                statuses.append((await log_in(box, name, "guess", at="5.5.5.5")).status)
        box.clock.advance(300)
    assert 100 <= statuses.count(401) <= 109
    assert set(statuses) == {401, 429}


async def test_guessing_by_way_of_deletion_is_guessing(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await box.sign_up()
    monkeypatch.setattr("appliance.pds.credentials.verify_password", _wrong)
    given = {"did": member.did, "password": "guess", "token": "AAAAA-AAAAA"}

    async def guess(at: str) -> Answer:
        path = "/xrpc/com.atproto.server.deleteAccount"
        return await box.ask("POST", path, headers={"X-Forwarded-For": at}, json=given)

    for number in range(100):
        assert (await guess(f"2001:db8:0:{number:x}::1")).status == 401
    late = await guess("8.8.8.8")
    assert (late.status, late.error) == (429, "RateLimitExceeded")
    assert (await log_in(box, member.handle, at="8.8.8.9")).status == 429


async def test_one_ipv6_network_is_one_address(box: Box) -> None:
    member = await box.sign_up()
    statuses = [
        (await log_in(box, member.handle, at=f"2001:db8::{number:x}")).status
        for number in range(1, 32)
    ]
    assert statuses == [200] * 30 + [429]


async def test_letters_are_few(box: Box) -> None:
    member = await box.sign_up()
    nsid = "com.atproto.server.requestAccountDelete"
    statuses = [(await ask(box, nsid, member.access)).status for _ in range(6)]
    assert statuses == [200] * 5 + [429]


async def test_nobody_is_sent_letters_without_end_by_strangers(box: Box) -> None:
    member = await box.sign_up()
    nsid = "com.atproto.server.requestPasswordReset"
    answers = [await ask(box, nsid, at=f"2.2.2.{n}", email=member.email) for n in range(7)]
    # The answer does not tell that there is such an account.
    assert {(answer.status, answer.headers["RateLimit-Limit"]) for answer in answers} == {
        (200, "15")
    }
    assert len(await box.pds.mailer.page(None, 10)) == 5


async def test_keys_are_not_reserved_without_end(box: Box) -> None:
    nsid = "com.atproto.server.reserveSigningKey"
    statuses = [(await ask(box, nsid, did=f"did:web:n{n}.test")).status for n in range(101)]
    assert statuses == [200] * 100 + [429]


async def test_reports_cannot_bury_reports(box: Box) -> None:
    member, other = await box.sign_up(), await box.sign_up("bob")
    report: dict[str, Any] = {
        "reasonType": "com.atproto.moderation.defs#reasonSpam",
        "subject": {"$type": "com.atproto.admin.defs#repoRef", "did": other.did},
    }
    nsid = "com.atproto.moderation.createReport"
    statuses = [(await ask(box, nsid, member.access, **report)).status for _ in range(31)]
    assert statuses == [200] * 30 + [429]
    assert (await ask(box, nsid, other.access, **report)).status == 200


async def test_whoever_has_the_key_or_the_address_is_not_counted(box: Box) -> None:
    member = await box.sign_up()
    key = (box.pds.settings.paths.secret("rate-limit-bypass-key")).read_text().strip()
    for number in range(31):
        assert (await log_in(box, member.handle, key=key)).status == 200, number
        assert (await log_in(box, member.handle, at="9.9.9.9")).status == 200, number
    statuses = [(await log_in(box, member.handle, key="guess")).status for _ in range(31)]
    assert statuses[-1] == 429


async def _wrong(_password: str, _stored: str) -> bool:
    return False


async def test_nobody_imports_again_and_again(box: Box) -> None:
    alice, bob = await box.sign_up(), await box.sign_up("bob")

    async def take(member: Member, at: str) -> Answer:
        headers = {"X-Forwarded-For": at, "Content-Type": "application/vnd.ipld.car"}
        path = "/xrpc/com.atproto.repo.importRepo"
        return await box.ask("POST", path, token=member.access, headers=headers, data=b"no archive")

    statuses = [(await take(alice, f"1.1.1.{number}")).status for number in range(21)]
    assert statuses == [400] * 20 + [429]
    assert (await take(bob, "1.1.1.1")).status == 400

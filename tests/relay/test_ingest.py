"""A batch of frames from one host: what is dropped, held, rewritten or counted."""

import asyncio
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import pytest

from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.frames import encode_frame, error_frame
from appliance.base.connection import Connection
from appliance.firehose.events import AccountEvent, CommitEvent, IdentityEvent, InfoEvent
from appliance.relay import lookups
from appliance.relay.hosts import MAX_ACCOUNTS, Host
from tests.relay.conftest import Lab, Running
from tests.support.hosts import TIME, FakeAccount
from tests.support.waiting import until


async def take(running: Running, lab: Lab, *frames: bytes) -> int | None:
    return await running.role.ingest.take(host_of(running), frames)


def host_of(running: Running) -> Host:
    return running.role.hosts.by_id(1)


def frame(account: FakeAccount, seq: int) -> bytes:
    return replace(CommitEvent.of(account.post(str(seq)), TIME), seq=seq).frame()


async def test_frames_of_no_use_are_counted_and_do_no_harm(lab: Lab) -> None:
    alice = lab.account("alice")
    async with lab.relay() as running:
        frames = [
            b"\xff",
            encode_frame("#labels", {"seq": 1}),
            InfoEvent("OutdatedCursor").frame(),
            error_frame("ConsumerTooSlow"),
            encode_frame("#commit", {"seq": 2}),
            frame(alice, 3),
        ]
        assert await take(running, lab, *frames) == 3
        assert running.role.ingest.counts == {
            "malformed": 2,
            "unknown_message": 1,
            "info": 1,
            "published": 1,
        }
        assert host_of(running).cursor == 3


async def test_a_number_at_or_below_the_cursor_is_dropped(lab: Lab) -> None:
    alice = lab.account("alice")
    async with lab.relay() as running:
        assert await take(running, lab, frame(alice, 5), frame(alice, 5), frame(alice, 4)) == 5
        assert await take(running, lab, frame(alice, 6)) == 6
        assert running.role.ingest.counts == {
            "published": 1,
            "old_seq": 2,
            "published_with_gap": 1,
        }
        assert running.role.log.head() == 2


async def test_dropped_events_move_the_cursor_too(lab: Lab) -> None:
    stranger = FakeAccount("stranger", lab.clock)
    async with lab.relay() as running:
        assert await take(running, lab, frame(stranger, 7)) == 7
        assert host_of(running).cursor == 7
        assert running.role.log.head() == 0


async def test_an_account_is_held_while_the_directory_is_away(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "FIRST_HOLD_PAUSE", 0.05)
    alice = lab.account("alice")
    async with lab.relay() as running:
        lab.directory.down = True

        async def come_back() -> None:
            await asyncio.sleep(0.2)
            assert running.role.log.head() == 0
            lab.directory.down = False

        await asyncio.gather(take(running, lab, frame(alice, 1)), come_back())
        assert running.role.ingest.counts == {"published": 1}


async def test_an_account_held_in_vain_is_not_held_again_at_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "FIRST_HOLD_PAUSE", 0.05)
    monkeypatch.setattr(lookups, "HOLD_SECONDS", 0.1)
    passing = SimpleNamespace(monotonic=count(step=0.03).__next__)
    monkeypatch.setattr(lookups, "time", passing)
    alice = lab.account("alice")
    lab.directory.down = True
    async with lab.relay() as running:
        await take(running, lab, frame(alice, 1))
        asked = lab.directory.asked[alice.did]
        assert asked == 2
        await take(running, lab, frame(alice, 2))
        assert lab.directory.asked[alice.did] <= asked + 1
        assert running.role.ingest.counts == {"unresolved": 2}


async def test_a_stranger_host_has_a_limit_of_accounts(lab: Lab) -> None:
    def fill(conn: Connection) -> None:
        conn.execute("UPDATE host SET trusted = 0, accounts = ?", (MAX_ACCOUNTS - 1,))

    alice, bob = lab.account("alice"), lab.account("bob")
    async with lab.relay() as running:
        await running.role.hosts._db.write(fill)
        await take(running, lab, frame(alice, 1), frame(bob, 2), frame(alice, 3))
        assert running.role.ingest.counts == {"published": 2, "host_full": 1}


async def test_an_account_without_a_key_is_silent(lab: Lab) -> None:
    alice = lab.account("alice")
    lab.directory.documents[alice.did]["verificationMethod"] = []
    async with lab.relay() as running:
        await take(running, lab, frame(alice, 1))
        assert running.role.ingest.counts == {"no_key": 1}


async def test_our_own_word_on_an_account_wins_over_its_hosts(lab: Lab) -> None:
    def take_down(conn: Connection) -> None:
        conn.execute("UPDATE account SET local_status = 'takendown'")

    alice = lab.account("alice")
    async with lab.relay() as running, running.stream() as stream:
        await take(running, lab, frame(alice, 1))
        await running.role.hosts._db.write(take_down)
        active = AccountEvent(alice.did, TIME, True, seq=2)
        await take(running, lab, active.frame(), frame(alice, 3))
        await stream.frame()
        assert await stream.event() == AccountEvent(alice.did, TIME, False, "takendown", 2)
        assert running.role.ingest.counts == {"published": 2, "inactive": 1}


async def test_a_host_cannot_make_us_ask_all_day_about_strangers(lab: Lab) -> None:
    nobody = Did("did:plc:" + "z" * 24)
    async with lab.relay() as running:
        await take(
            running,
            lab,
            *(IdentityEvent(nobody, TIME, seq=seq).frame() for seq in range(1, 50)),
        )
        assert lab.directory.asked[nobody] <= 2
        await until(lambda: running.role.ingest.counts["unresolved"] == 49)


async def test_one_doubtful_event_does_not_have_all_others_looked_up_again(lab: Lab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    async with lab.relay() as running:
        told = [IdentityEvent(alice.did, TIME, seq=1).frame()]
        for seq, name in enumerate(("carol", "dora", "emil"), 2):
            stray = lab.account(name)
            lab.directory.put(stray, "https://pds.elsewhere.com")
            told.append(frame(stray, seq))
        await take(running, lab, *told, frame(bob, 5))
        assert lab.directory.asked[alice.did] == 1
        assert running.role.ingest.counts == {"published": 2, "wrong_host": 3}

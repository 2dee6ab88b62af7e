"""Labels of others: which are believed, how many, and when they are asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from appliance.appview import labels
from appliance.appview.hydrate.hydration import Audience, Labeler, Viewer
from appliance.appview.labelers import queries, streams
from appliance.appview.labelers.labelers import Labelers, World
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.labels import as_json
from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid
from appliance.base.addresses import OutboundPolicy
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.firehose.follow import StreamBroken
from appliance.settings import defaults
from tests.support.clock import FakeClock
from tests.support.index_lab import SCHEMA, IndexLab, validator
from tests.support.lying_labeler import LyingLabeler, open_labeler
from tests.support.waiting import until


class Desk:
    """An index, the labelers it listens to, and one of them."""

    def __init__(
        self, db: Database, labelers: Labelers, other: LyingLabeler, clock: FakeClock
    ) -> None:
        self.db = db
        self.labelers = labelers
        self.other = other
        self.clock = clock
        self.ann = ""
        self.post = ""

    def known(self) -> list[tuple[str, str, int]]:
        rows = self.db.read("SELECT uri, val, neg FROM label ORDER BY uri, val LIMIT 100")
        return [(str(uri), str(val), int(neg)) for uri, val, neg in rows]

    @property
    def stream(self) -> streams.LabelStream:
        return self.labelers.streams[self.other.did]

    @property
    def refused(self) -> int:
        return self.labelers.proof.refused[self.other.did]


@pytest.fixture
async def other() -> AsyncIterator[LyingLabeler]:
    async with open_labeler() as labeler:
        yield labeler


@pytest.fixture
async def desk(tmp_path: Path, other: LyingLabeler) -> AsyncIterator[Desk]:
    async with _open_desk(tmp_path, other, follow=True) as opened:
        yield opened


@pytest.fixture
async def asking(tmp_path: Path, other: LyingLabeler) -> AsyncIterator[Desk]:
    """A desk that does not follow the labeler."""
    async with _open_desk(tmp_path, other, follow=False) as opened:
        yield opened


@asynccontextmanager
async def _open_desk(path: Path, other: LyingLabeler, *, follow: bool) -> AsyncIterator[Desk]:
    chosen = (str(other.did),) if follow else ()
    settings = defaults("dev", path).with_values({"appview.labelers": chosen})
    async with (
        HttpClient.open(OutboundPolicy(allow_loopback=True)) as http,
        await Database.open(path / "index.sqlite", SCHEMA) as db,
    ):
        clock = FakeClock()
        resolver = IdentityResolver(http, "https://plc.test", clock.now, (), ())
        world = World(http, resolver, validator(), clock)
        desk = Desk(db, Labelers.of(settings, db, world), other, clock)

        def people(conn: Connection) -> None:
            lab = IndexLab(conn)
            desk.ann = lab.account("ann")
            desk.post = lab.post(desk.ann, "hello")["uri"]

        await db.write(people)
        yield desk


async def _follow(desk: Desk, until_true: Any) -> None:
    async with Workers() as workers:
        workers.start("follow", desk.stream.run)
        await until(until_true)


async def test_the_stream_of_a_labeler_is_read_and_gone_on_with(desk: Desk) -> None:
    other = desk.other
    other.tell(1, other.label(desk.ann, "rude"), other.label(desk.post, "spam"))
    await _follow(desk, lambda: len(desk.known()) == 2)
    later = "2026-01-02T00:00:00.000Z"
    other.tell(2, other.label(desk.ann, "rude", neg=True, cts=later))
    await _follow(desk, lambda: (desk.ann, "rude", 1) in desk.known())
    assert other.cursors == ["0", "1"]
    assert desk.refused == 0


async def test_forged_labels_are_left_out_and_counted(desk: Desk) -> None:
    other, ann = desk.other, desk.ann
    sound = other.label(ann, "sound")
    forged = [
        other.label(ann, "other-key", PrivateKey.generate()),
        other.label(ann, "of-another", src="did:web:victim.example"),
        {**other.label(ann, "changed"), "val": "swapped"},
        {name: value for name, value in other.label(ann, "unsigned").items() if name != "sig"},
        {**other.label(ann, "text"), "sig": "not bytes"},
        {**other.label(ann, "version"), "ver": 2},
        {**other.label(ann, "no-time"), "cts": "yesterday"},
        {**other.label(ann, "no-uri"), "uri": 7},
        "nonsense",
        None,
    ]
    other.tell(1, *forged, sound)
    await _follow(desk, desk.known)
    assert desk.known() == [(ann, "sound", 0)]
    assert desk.refused == len(forged)


async def test_a_labeler_without_a_key_is_believed_nothing(desk: Desk) -> None:
    other = desk.other
    other.named_key = PrivateKey.generate().public
    other.tell(1, other.label(desk.ann, "rude"))
    await _follow(desk, lambda: desk.refused)
    assert desk.known() == []


async def test_a_key_that_changed_is_looked_up_but_not_for_every_forgery(desk: Desk) -> None:
    other = desk.other
    other.tell(1, other.label(desk.ann, "first"))
    await _follow(desk, desk.known)
    looked_up = other.documents
    other.key = PrivateKey.generate()
    other.named_key = other.key.public
    forged = [other.label(desk.ann, f"f-{n}", PrivateKey.generate()) for n in range(20)]
    other.tell(2, other.label(desk.ann, "second"), *forged)
    await _follow(desk, lambda: len(desk.known()) == 2)
    assert other.documents == looked_up + 1


async def test_what_is_about_strangers_is_not_kept_and_what_is_kept_is_bounded(
    desk: Desk,
) -> None:
    other, src = desk.other, desk.other.did
    told = [other.label(f"did:plc:stranger{n}", "spam") for n in range(5)]
    told += [other.label(desk.ann, f"v-{n}") for n in range(5)]
    put = partial(labels.put_told, most=3)
    assert await desk.db.write(put, src, told[:5], 1) == 0
    assert await desk.db.write(put, src, told[5:8], 2) == 3
    assert await desk.db.write(put, src, told[8:], 3) == 0
    later = other.label(desk.ann, "v-0", neg=True, cts="2026-02-01T00:00:00.000Z")
    assert await desk.db.write(put, src, [later], 4) == 1
    assert len(desk.known()) == 3


async def test_a_stream_that_was_lost_is_read_from_its_beginning(desk: Desk) -> None:
    other = desk.other
    await desk.db.write(partial(labels.put_told, most=None), other.did, [], 99)
    other.tell(1, other.label(desk.ann, "rude"))
    await _follow(desk, desk.known)
    assert other.cursors == ["99", "0"]


async def test_messages_that_are_none_do_no_harm(desk: Desk) -> None:
    other = desk.other
    other.frames += [b"", b"\xff" * 50, b"\xa0\xa0"]
    other.tell(0, other.label(desk.ann, "zero"))
    other.tell(5, other.label(desk.ann, "five"))
    await _follow(desk, desk.known)
    assert desk.known() == [(desk.ann, "five", 0)]


def _audience(*dids: str, signed_in: bool = True) -> Audience:
    viewer = Viewer(Did("did:plc:viewer"), None) if signed_in else None
    return Audience(viewer, tuple(Labeler(did, redact=False) for did in dids))


async def test_a_labeler_elsewhere_is_asked_once_about_what_a_member_sees(asking: Desk) -> None:
    other, ask = asking.other, asking.labelers.queries
    other.answer = {"labels": [as_json(other.label(asking.ann, "rude"))]}
    ask.want(_audience(other.did), [asking.ann, asking.post])
    await ask.ask_all()
    assert other.asked == [[asking.ann, asking.post]]
    assert asking.known() == [(asking.ann, "rude", 0)]
    ask.want(_audience(other.did), [asking.ann, asking.post])
    await ask.ask_all()
    assert len(other.asked) == 1
    asking.clock.advance(queries.KNOWN_SECONDS + 1)
    other.answer = {"labels": []}
    ask.want(_audience(other.did), [asking.ann])
    await ask.ask_all()
    assert asking.known() == []


async def test_strangers_send_us_to_nobody(asking: Desk) -> None:
    ask = asking.labelers.queries
    ask.want(_audience(asking.other.did, signed_in=False), [asking.ann])
    await ask.ask_all()
    assert asking.other.asked == []


async def test_what_was_not_asked_for_and_what_is_forged_is_left_out(asking: Desk) -> None:
    other, ask = asking.other, asking.labelers.queries
    sound = as_json(other.label(asking.ann, "sound"))
    others = as_json(other.label("did:plc:somebody", "spam"))
    forged = as_json(other.label(asking.ann, "forged", PrivateKey.generate()))
    other.answer = {"labels": [sound, others, forged, {"sig": {"$bytes": "%"}}, 7, {}]}
    ask.want(_audience(other.did), [asking.ann])
    await ask.ask_all()
    assert asking.known() == [(asking.ann, "sound", 0)]


@pytest.mark.parametrize(("answer", "status"), [([], 200), ({"labels": 1}, 200), ({}, 500)])
async def test_a_labeler_that_fails_is_left_alone_for_a_while(
    asking: Desk, answer: Any, status: int
) -> None:
    other, ask = asking.other, asking.labelers.queries
    other.answer, other.status = answer, status
    for uri in (asking.ann, asking.post):
        ask.want(_audience(other.did, "did:web:localhost%3A1"), [uri])
        await ask.ask_all()
    assert len(other.asked) == (1 if status == 500 else 2)
    asking.clock.advance(queries.AWAY_SECONDS + 1)
    ask.want(_audience(other.did), [f"{asking.post}x"])
    await ask.ask_all()
    assert len(other.asked) == (2 if status == 500 else 3)


async def test_many_labelers_and_many_subjects_are_not_all_asked(asking: Desk) -> None:
    ask = asking.labelers.queries
    dids = [f"did:web:labeler{n}.invalid" for n in range(200)]
    ask.want(_audience(*dids), [asking.ann])
    assert len(ask._waiting) == queries.MOST_LABELERS
    ask.want(_audience(dids[0]), [f"did:plc:{n}" for n in range(5000)])
    assert len(ask._waiting[dids[0]]) == queries.MOST_WAITING


async def test_what_is_new_is_asked_about_again_sooner() -> None:
    now = FakeClock().now()
    old, new = "at://did:plc:a/app.bsky.feed.post/3kaaaaaaaaa22", _tid_now(now)
    assert not queries._is_new(old, now)
    assert queries._is_new(f"at://did:plc:a/app.bsky.feed.post/{new}", now)
    assert not queries._is_new("did:plc:a", now)


def _tid_now(now: float) -> str:
    return str(Tid.from_us(int(now * 1_000_000) - 1))


async def test_a_followed_labeler_is_not_asked_and_counts_by_default(desk: Desk) -> None:
    ask, sources = desk.labelers.queries, desk.labelers.sources
    ask.want(_audience(desk.other.did), [desk.ann])
    await ask.ask_all()
    assert desk.other.asked == []
    assert sources.usual() == (Labeler(desk.other.did, redact=True),)


async def test_while_a_labelers_key_cannot_be_looked_up_nothing_is_passed_over(desk: Desk) -> None:
    other, stream = desk.other, desk.stream
    stream._did = Did("did:web:away.invalid")
    label = other.label(desk.ann, "rude", src="did:web:away.invalid")
    other.tell(1, label)
    with pytest.raises(StreamBroken):
        await stream.take(other.frames)
    assert stream.cursor() == 0


async def test_what_is_no_labeler_is_not_followed_and_is_no_fault(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.other.is_labeler = False
    async with Workers() as workers:
        workers.start("follow", desk.stream.run)
        await until(lambda: "cannot be followed" in caplog.text)
        assert [status.failures for status in workers.status()] == [0]

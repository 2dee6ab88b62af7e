"""Checks 1 to 12: the frame, and whose it is."""

import pytest

from appliance.atproto.xrpc.frames import encode_frame, error_frame, with_seq
from appliance.base.connection import Connection
from appliance.firehose.events import MAX_FRAME_BYTES, AccountEvent, IdentityEvent, InfoEvent
from appliance.firehose.follow import StreamBroken
from appliance.relay.hosts import MAX_ACCOUNTS
from tests.relay.checks.scene import HOME, Scene, check, edited
from tests.support.hosts import TIME, FakeAccount


@check(1)
async def a_frame_is_two_cbor_values(scene: Scene) -> None:
    await scene.passes(scene.commit(scene.alice.post("a")))
    whole = scene.numbered(scene.commit(scene.alice.post("b")))
    for broken in (b"", b"\xff", whole[:20], whole[:-1], whole + b"\x00"):
        assert await scene.send(broken) == {"malformed": 1}
        kept = scene.newest_kept()
        assert kept is not None
        assert scene.running.role.quarantine.find(kept)[1] == broken


@check(2)
async def an_unknown_message_is_left_aside(scene: Scene) -> None:
    head = scene.running.role.log.head()
    assert await scene.send(encode_frame("#labels", {"seq": 100})) == {"unknown_message": 1}
    assert scene.running.role.log.head() == head
    assert scene.newest_kept() is None
    odd_op = scene.commit(scene.alice.post("a")).replace(b"bop\x01", b"bop\x02")
    assert await scene.send(odd_op) == {"malformed": 1}
    await scene.passes(scene.commit(scene.alice.post("b")), gap=True)


@check(3)
async def an_error_frame_ends_the_stream(scene: Scene) -> None:
    crawler = scene.running.role.crawler
    assert await scene.send(error_frame("ConsumerTooSlow")) == {}
    await crawler._refused(HOME, "ConsumerTooSlow")
    assert (scene.host().cursor, scene.host().compare) == (1, False)
    # The PDS beside us may need a moment to let its numbers jump above ours.
    await crawler._refused(HOME, "FutureCursor")
    assert (scene.host().cursor, scene.host().compare) == (1, False)
    await scene.running.role.hosts.set_cursor(scene.other, 1)
    await crawler._refused(scene.other, "FutureCursor")
    assert scene.host(scene.other).cursor is None
    assert scene.host(scene.other).compare


@check(4)
async def numbers_rise(scene: Scene) -> None:
    frame = scene.commit(scene.alice.post("a"))
    await scene.passes(frame)
    assert await scene.send(with_seq(frame, 2)) == {"old_seq": 1}
    assert await scene.send(with_seq(frame, 1)) == {"old_seq": 1}
    leap = with_seq(scene.commit(scene.alice.post("b")), 2_000_000)
    assert await scene.send(leap) == {"published": 1, "seq_leap": 1}


@check(5)
async def a_number_is_exact_in_every_language(scene: Scene) -> None:
    most = (1 << 53) - 1
    before = with_seq(scene.commit(scene.alice.post("a")), most)
    after = edited(scene.commit(scene.alice.post("b")), seq=most + 1)
    with pytest.raises(StreamBroken):
        await scene.send(before, after)
    assert scene.host().cursor == most
    assert scene.running.role.ingest.counts["broken_stream"] == 1
    assert scene.running.role.ingest.counts["published"] == 2


@check(6)
async def a_frame_has_at_most_five_megabytes(scene: Scene) -> None:
    frame = scene.commit(scene.alice.post("a"))
    room = MAX_FRAME_BYTES - len(edited(frame, extra=b"x" * 70_000)) + 70_000
    most = edited(frame, extra=b"x" * room)
    assert len(most) == MAX_FRAME_BYTES
    await scene.passes(most)
    assert await scene.send(edited(most, extra=b"x" * (room + 1))) == {"malformed": 1}


@check(7)
async def the_encoding_is_strict(scene: Scene) -> None:
    frame = scene.numbered(scene.commit(scene.alice.post("a")))
    assert b"\x63seq\x02" in frame
    assert await scene.send(frame.replace(b"\x63seq\x02", b"\x63seq\x18\x02")) == {"malformed": 1}
    assert await scene.send(frame.replace(b"\x63seq\x02", b"\x63seq\xf9\x40\x00")) == {
        "malformed": 1
    }
    assert await scene.send(edited(frame, later={"a": [1, None]})) == {"published": 1}


@check(8)
async def a_did_is_written_in_its_normal_form(scene: Scene) -> None:
    odd = str(scene.alice.did).replace("did:plc", "did:PLC")
    frame = scene.commit(scene.alice.post("a"))
    assert await scene.send(edited(frame, repo=odd, seq=2)) == {"malformed": 1}
    await scene.passes(frame)


@check(9)
async def the_identity_resolves(scene: Scene) -> None:
    bob = FakeAccount("bob", scene.lab.clock)
    reason = await scene.fails(scene.commit(bob.post("a")), "unresolved")
    assert reason == "its DID does not resolve"
    carol = scene.lab.account("carol")
    scene.lab.directory.documents[carol.did]["verificationMethod"] = []
    await scene.fails(scene.commit(carol.post("a")), "no_key")
    await scene.passes(scene.commit(scene.lab.account("dora").post("a")))


@check(10)
async def an_account_speaks_through_its_host(scene: Scene) -> None:
    frame = scene.commit(scene.alice.post("a"))
    await scene.fails(frame, "wrong_host", scene.other)
    await scene.passes(frame)


@check(11)
async def an_account_is_active(scene: Scene) -> None:
    status = scene.lab.home.status[scene.alice.did]
    frame = scene.commit(scene.alice.post("a"))
    await scene.passes(AccountEvent(scene.alice.did, TIME, False, "deactivated").frame())
    status |= {"active": False, "status": "deactivated"}
    await scene.fails(frame, "inactive")
    await scene.passes(AccountEvent(scene.alice.did, TIME, True).frame())
    await scene.passes(frame)


@check(12)
async def a_host_has_no_more_accounts_than_it_may(scene: Scene) -> None:
    def fill(conn: Connection) -> None:
        conn.execute("UPDATE host SET trusted = 0, accounts = ?", (MAX_ACCOUNTS - 1,))

    await scene.running.role.hosts._db.write(fill)
    bob, carol = scene.lab.account("bob"), scene.lab.account("carol")
    await scene.passes(scene.commit(bob.post("a")))
    await scene.fails(scene.commit(carol.post("a")), "host_full")
    # A deleted account makes room for those to come.
    await scene.passes(AccountEvent(bob.did, TIME, False, "deleted").frame())
    await scene.passes(IdentityEvent(scene.lab.account("dora").did, TIME).frame())
    assert await scene.send(InfoEvent("Hello").frame()) == {"info": 1}

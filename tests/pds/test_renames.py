"""A handle is changed in the directory and here: what fails between the two is made good."""

from pathlib import Path

import pytest

from appliance.atproto.syntax import Handle
from appliance.firehose.events import IdentityEvent
from appliance.pds import renames
from tests.support.pds_box import Box, Member, open_box
from tests.support.waiting import until

NEW = Handle("alicia.test")


async def cut_off(box: Box, alice: Member) -> None:
    """Change it in the directory, and get no further."""
    await box.pds.identities.set_handle(alice.did, NEW)


async def cut_off_at_once(box: Box, alice: Member, handle: Handle) -> None:
    """Begin a change, and end before the directory hears of it."""

    async def ends(_did: str, _handle: str) -> None:
        raise ConnectionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(box.pds.identities, "set_handle", ends)
        await box.pds.signup.rename(alice.did, handle)


def handle_here(box: Box, alice: Member) -> str:
    return str(box.pds.accounts.require(alice.did).handle)


async def test_a_change_the_directory_knows_is_done_here_too_and_announced(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        alice = await box.sign_up()
        head = box.pds.event_log.head()
        await box.pds.signup._db.write(renames.begin, alice.did, NEW)
        await cut_off(box, alice)
        await box.pds.signup.finish_renames()
        assert handle_here(box, alice) == NEW
        [event] = box.announced(head)
        assert isinstance(event, IdentityEvent)
        assert event.handle == NEW
        assert renames.pending(box.pds.signup._db) == []


async def test_a_change_the_directory_never_heard_of_is_forgotten(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        alice = await box.sign_up()
        await box.pds.signup._db.write(renames.begin, alice.did, NEW)
        await box.pds.signup.finish_renames()
        assert handle_here(box, alice) == alice.handle
        assert renames.pending(box.pds.signup._db) == []


async def test_it_is_made_good_at_the_next_start(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        alice = await box.sign_up()
        await box.pds.signup._db.write(renames.begin, alice.did, NEW)
        await cut_off(box, alice)
    async with open_box(tmp_path) as box:
        await until(lambda: handle_here(box, alice) == NEW)


async def test_a_change_that_is_done_leaves_nothing_to_make_good(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        alice = await box.sign_up()
        answer = await box.post("com.atproto.identity.updateHandle", alice.access, handle=NEW)
        assert answer.status == 200
        assert renames.pending(box.pds.signup._db) == []


async def test_a_change_that_was_cut_off_is_made_good_before_the_next_is_begun(
    tmp_path: Path,
) -> None:
    """Or the next, cut off before the directory hears of it, would have it forgotten here."""
    async with open_box(tmp_path) as box:
        alice = await box.sign_up()
        await box.pds.signup._db.write(renames.begin, alice.did, NEW)
        await cut_off(box, alice)
        with pytest.raises(ConnectionError):
            await cut_off_at_once(box, alice, Handle("alison.test"))
        await box.pds.signup.finish_renames()
        document = await box.pds.resolver.document(alice.did, fresh=True)
        assert handle_here(box, alice) == document.handle == NEW
        # Whoever tries again gets what they want.
        await box.pds.signup.rename(alice.did, Handle("alison.test"))
        document = await box.pds.resolver.document(alice.did, fresh=True)
        assert handle_here(box, alice) == document.handle == "alison.test"

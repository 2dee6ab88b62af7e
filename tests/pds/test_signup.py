"""Names are given out once, and those who want different ones do not wait for one another."""

import asyncio
import gc
from typing import Any

import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.syntax import Did, Handle
from appliance.pds.accounts import Account, NameTaken
from appliance.pds.signup import Application, SignUp
from tests.support.pds_box import Box
from tests.support.waiting import until

HASH = "no password"


def application(name: str, **changes: Any) -> Application:
    found: dict[str, Any] = {"email": f"{name}@example.com", "password_hash": HASH, **changes}
    return Application(Handle(f"{name}.test"), **found)


class SlowDirectory:
    """Lets nobody's identity be made before it is told to; counts how many are asked for."""

    def __init__(self, box: Box) -> None:
        self.asked: list[str] = []
        self.go_on = asyncio.Event()
        self._create = box.pds.identities.create

    async def create(self, handle: Handle, recovery_key: str | None) -> tuple[Did, PrivateKey]:
        self.asked.append(handle)
        await self.go_on.wait()
        return await self._create(handle, recovery_key)


@pytest.fixture
def signup(box: Box) -> SignUp:
    return box.pds.signup


@pytest.fixture
def directory(box: Box, monkeypatch: pytest.MonkeyPatch) -> SlowDirectory:
    slow = SlowDirectory(box)
    monkeypatch.setattr(box.pds.identities, "create", slow.create)
    return slow


async def outcomes(*waiting: "asyncio.Task[Account]") -> list[type]:
    found = await asyncio.gather(*waiting, return_exceptions=True)
    return sorted(map(type, found), key=lambda kind: kind.__name__)


async def test_different_names_do_not_wait_for_one_another(
    signup: SignUp, directory: SlowDirectory
) -> None:
    names = ("ann", "bob", "cleo")
    waiting = [asyncio.ensure_future(signup.open(application(name))) for name in names]
    await until(lambda: len(directory.asked) == len(names))
    directory.go_on.set()
    assert await outcomes(*waiting) == [Account] * len(names)


@pytest.mark.parametrize(
    "wishes",
    [
        [application("ann"), application("ann", email="other@example.com")],
        [application("ann"), application("bob", email="ANN@example.com")],
    ],
    ids=["handle", "address"],
)
async def test_who_comes_second_for_a_name_never_reaches_the_directory(
    signup: SignUp, directory: SlowDirectory, wishes: list[Application]
) -> None:
    waiting = [asyncio.ensure_future(signup.open(wish)) for wish in wishes]
    third = asyncio.ensure_future(signup.open(application("cleo")))
    await until(lambda: len(directory.asked) == 2)
    directory.go_on.set()
    assert await outcomes(*waiting, third) == [Account, Account, NameTaken]
    assert sorted(directory.asked) == ["ann.test", "cleo.test"]


async def test_a_handle_is_not_taken_by_a_newcomer_while_a_member_changes_to_it(
    box: Box, signup: SignUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await box.sign_up()
    begun, go_on, really = asyncio.Event(), asyncio.Event(), box.pds.identities.set_handle

    async def slowly(did: Did, handle: Handle) -> None:
        begun.set()
        await go_on.wait()
        await really(did, handle)

    monkeypatch.setattr(box.pds.identities, "set_handle", slowly)
    changing = asyncio.ensure_future(signup.rename(alice.did, Handle("ann.test")))
    await begun.wait()
    wanting = asyncio.ensure_future(signup.open(application("ann")))
    finishing = asyncio.ensure_future(signup.finish_renames())
    assert await signup.open(application("bob"))
    assert not wanting.done()
    go_on.set()
    await asyncio.gather(changing, finishing)
    assert await outcomes(wanting) == [NameTaken]
    assert box.pds.accounts.require(alice.did).handle == "ann.test"


async def test_no_lock_is_left_behind(signup: SignUp, directory: SlowDirectory) -> None:
    directory.go_on.set()
    await signup.open(application("ann"))
    with pytest.raises(NameTaken):
        await signup.open(application("ann"))
    gc.collect()
    assert len(signup._turns) == 0

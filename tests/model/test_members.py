"""What members do, in any order, against a model in memory: the server never says anything else.

Accounts, records, blobs, preferences; closed and opened, taken down and given back; repos taken out
and put in their place; restarts; the database of the PDS put back from a copy.
"""

import asyncio
import itertools
import shutil
from collections.abc import Coroutine
from contextlib import AsyncExitStack, ExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from appliance.atproto.tid import Tid
from tests.support.client import Client, Member, Refused, join
from tests.support.faulty_disk import folder_in_memory
from tests.support.scripted_day import PIXEL, POST, PROFILE
from tests.support.whole_house import House, opened, place
from tests.support.witnesses import signing_key, verified_repo

T = TypeVar("T")
WHO = st.integers(0, 2)
WHICH = st.integers(0, 30)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
TIME = "2026-11-21T12:00:00.000Z"


@dataclass
class Person:
    """What a member's account holds, as far as anybody promised."""

    state: str = "active"
    records: dict[str, Any] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    preferences: list[Any] = field(default_factory=list)


@dataclass
class Archive:
    """A repo that was taken out, and what it held."""

    car: bytes
    records: dict[str, Any]


class Lab:
    """One network for all runs: each opens accounts of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.Runner()
        self._outer = ExitStack()
        self._folder = self._outer.enter_context(folder_in_memory())
        self._where = self._outer.enter_context(place())
        self._inner = AsyncExitStack()
        self._names = itertools.count()
        self.run(self._open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run(work)

    @property
    def data(self) -> Path:
        return self._folder / "data"

    async def _open(self) -> None:
        self.house: House = await self._inner.enter_async_context(opened(self._where, self.data))

    async def again(self) -> None:
        await self._inner.aclose()
        self._inner = AsyncExitStack()
        await self._open()

    async def copied(self) -> None:
        """Stop, copy the database of the PDS and its blobs, go on."""
        await self._inner.aclose()
        shutil.rmtree(self._folder / "copy", ignore_errors=True)
        shutil.copytree(self.data / "blobs", self._folder / "copy/blobs")
        shutil.copy(self.data / "pds.sqlite", self._folder / "copy/pds.sqlite")
        self._inner = AsyncExitStack()
        await self._open()

    async def put_back(self) -> None:
        """Stop, put the copy in its place, go on: relay and AppView have seen what came after."""
        await self._inner.aclose()
        shutil.rmtree(self.data / "blobs")
        shutil.copytree(self._folder / "copy/blobs", self.data / "blobs")
        shutil.copy(self._folder / "copy/pds.sqlite", self.data / "pds.sqlite")
        self._inner = AsyncExitStack()
        await self._open()

    async def member(self) -> Member:
        name = f"member{next(self._names)}.test"
        return await join(self.house.http, self.house.pds_url, handle=name)

    def close(self) -> None:
        self.run(self._inner.aclose())
        self._outer.close()
        self._loop.close()


class Members(RuleBasedStateMachine):
    """Three members and an operator."""

    lab: Lab

    @initialize()
    def join(self) -> None:
        self.members = [self.lab.run(self.lab.member()) for _ in range(3)]
        self.people = [Person() for _ in self.members]
        self.archives: list[Archive | None] = [None] * 3
        self.copy: list[Person] | None = None
        self.serial = itertools.count()

    def ask(self, who: int, nsid: str, **fields: Any) -> Any:
        """Call as a member; None if it was refused, which only who is not active may be."""
        member = self.members[who]
        member.http = self.lab.house.http
        try:
            return self.lab.run(member.post(nsid, **fields)) or {}
        except Refused as refused:
            self._excuse(who, refused)
            return None

    def _rkey(self) -> Tid:
        return Tid.from_us(1_790_000_000_000_000 + next(self.serial), 1)

    def _excuse(self, who: int, refused: Refused) -> None:
        """Only those who are not active are refused, and by name."""
        if refused.status >= 500 or self.people[who].state == "active":
            raise refused

    def write(self, who: int, method: str, path: str, record: Any, **more: Any) -> None:
        collection, _, rkey = path.partition("/")
        at = {"repo": self.members[who].did, "collection": collection, "rkey": rkey}
        content = {} if record is None else {"record": record}
        answer = self.ask(who, f"com.atproto.repo.{method}", **at, **content, **more)
        assert (answer is not None) == (self.people[who].state == "active")
        if answer is not None and record is not None:
            self.people[who].records[path] = record
        elif answer is not None:
            self.people[who].records.pop(path, None)

    @rule(who=WHO, words=WORDS)
    def post(self, who: int, words: str) -> None:
        path = f"{POST}/{self._rkey()}"
        self.write(who, "createRecord", path, {"$type": POST, "text": words, "createdAt": TIME})

    @rule(who=WHO, words=WORDS)
    def call_oneself(self, who: int, words: str) -> None:
        record = {"$type": PROFILE, "displayName": words}
        self.write(who, "putRecord", f"{PROFILE}/self", record)

    @rule(who=WHO, which=WHICH)
    def delete(self, who: int, which: int) -> None:
        paths = sorted(self.people[who].records)
        if paths:
            self.write(who, "deleteRecord", paths[which % len(paths)], None)

    @rule(who=WHO)
    def delete_what_is_not_there(self, who: int) -> None:
        self.write(who, "deleteRecord", f"{POST}/{Tid.from_us(1, 1)}", None)

    @rule(who=WHO, size=st.integers(0, 5000))
    def show_a_picture(self, who: int, size: int) -> None:
        content = PIXEL + b"x" * size
        member = self.members[who]
        member.http = self.lab.house.http
        try:
            blob = self.lab.run(member.upload(content, "image/png"))
        except Refused as refused:
            self._excuse(who, refused)
            return
        if self.people[who].state != "active":
            return  # who moves in brings blobs before the account is opened
        embed = {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": ""}]}
        record = {"$type": POST, "text": "", "createdAt": TIME, "embed": embed}
        self.write(who, "createRecord", f"{POST}/{self._rkey()}", record)
        self.people[who].blobs[blob["ref"]["$link"]] = content

    @rule(who=WHO, words=WORDS)
    def prefer(self, who: int, words: str) -> None:
        items = [{"$type": "app.bsky.actor.defs#interestsPref", "tags": [words]}]
        if self.people[who].state == "active":
            self.ask(who, "app.bsky.actor.putPreferences", preferences=items)
            self.people[who].preferences = items

    @rule(who=WHO)
    def write_on_an_older_commit(self, who: int) -> None:
        """A swap against a commit that is not the newest changes nothing."""
        fields = {
            "repo": self.members[who].did,
            "collection": POST,
            "record": {"$type": POST, "text": "late", "createdAt": TIME},
            "swapCommit": "bafyreihyrpefhacm6kkp4ql6j6udakdit7g3dmkzfriqfykhjw6cad5lrm",
        }
        member = self.members[who]
        member.http = self.lab.house.http
        with pytest.raises(Refused) as refused:
            self.lab.run(member.post("com.atproto.repo.createRecord", **fields))
        assert refused.value.status < 500

    @rule(who=WHO)
    def close(self, who: int) -> None:
        if self.people[who].state == "active":
            self.ask(who, "com.atproto.server.deactivateAccount")
            self.people[who].state = "deactivated"

    @rule(who=WHO)
    def open(self, who: int) -> None:
        if self.people[who].state == "deactivated":
            assert self.ask(who, "com.atproto.server.activateAccount") is not None
            self.people[who].state = "active"

    def _operate(self, who: int, *, applied: bool) -> None:
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": self.members[who].did}
        call = self.lab.house.operator.post(
            "com.atproto.admin.updateSubjectStatus", subject=subject, takedown={"applied": applied}
        )
        self.lab.run(call)

    @rule(who=WHO)
    def take_down(self, who: int) -> None:
        if self.people[who].state == "active":
            self._operate(who, applied=True)
            self.people[who].state = "taken down"

    @rule(who=WHO)
    def give_back(self, who: int) -> None:
        if self.people[who].state == "taken down":
            self._operate(who, applied=False)
            self.people[who].state = "active"

    @rule(who=WHO)
    def take_out(self, who: int) -> None:
        if self.people[who].state == "active":
            call = self.members[who].get("com.atproto.sync.getRepo", did=self.members[who].did)
            self.members[who].http = self.lab.house.http
            self.archives[who] = Archive(self.lab.run(call), dict(self.people[who].records))

    @rule(who=WHO)
    def put_in_place(self, who: int) -> None:
        archive, person = self.archives[who], self.people[who]
        if archive is None or person.state != "deactivated":
            return
        kind = {"Content-Type": "application/vnd.ipld.car"}
        path = "/xrpc/com.atproto.repo.importRepo"
        self.members[who].http = self.lab.house.http
        answer = self.lab.run(self.members[who].raw("POST", path, archive.car, kind))
        assert answer.status == 200, answer
        person.records = dict(archive.records)

    @rule(often=st.integers(0, 3))
    def start_again(self, often: int) -> None:
        if often == 0:
            self.lab.run(self.lab.again())

    @precondition(lambda self: self.copy is None)
    @rule(often=st.integers(0, 3))
    def keep_a_copy(self, often: int) -> None:
        if often == 0:
            self.lab.run(self.lab.copied())
            self.copy = deepcopy(self.people)

    @precondition(lambda self: self.copy is not None)
    @rule(often=st.integers(0, 3))
    def put_the_copy_back(self, often: int) -> None:
        if often == 0 and self.copy is not None:
            self.lab.run(self.lab.put_back())
            self.people, self.copy = self.copy, None

    @rule(who=WHO)
    def look(self, who: int) -> None:
        """All that can be read of an account is what the model says."""
        self.lab.run(self._look(self.members[who], self.people[who]))

    async def _look(self, member: Member, person: Person) -> None:
        house = self.lab.house
        member.http = house.http
        if person.state != "active":
            stranger = Client(house.http, house.pds_url)
            with pytest.raises(Refused):
                await stranger.get("com.atproto.sync.getRepo", did=member.did)
            return
        plc = f"http://localhost:{house.settings.directory.port}"
        key = await signing_key(house.http, plc, member.did)
        _, found = await verified_repo(house.http, house.pds_url, member.did, key)
        assert set(found) == set(person.records)
        for path, record in person.records.items():
            collection, _, rkey = path.partition("/")
            at = {"repo": member.did, "collection": collection, "rkey": rkey}
            assert (await member.get("com.atproto.repo.getRecord", **at))["value"] == record
        if person.preferences:
            kept = await member.get("app.bsky.actor.getPreferences")
            assert person.preferences[0] in kept["preferences"]
        used = {
            image["image"]["ref"]["$link"]
            for record in person.records.values()
            for image in record.get("embed", {}).get("images", ())
        }
        listed = await member.get("com.atproto.sync.listBlobs", did=member.did)
        assert set(listed["cids"]) == used
        missing = await member.get("com.atproto.repo.listMissingBlobs")
        absent = {each["cid"] for each in missing["blobs"]}
        for cid in used - absent:
            blob = await member.raw(
                "GET", "/xrpc/com.atproto.sync.getBlob", params={"did": member.did, "cid": cid}
            )
            assert blob.body == person.blobs[cid]

    def teardown(self) -> None:
        for who in range(len(getattr(self, "members", ()))):
            self.look(who)


def live(runs: int, number: int) -> None:
    """Live so many runs of fifty steps, always the same for a seed."""
    lab = Lab()
    machine = type("Machine", (Members,), {"lab": lab})
    try:
        run_state_machine_as_test(
            seed(number)(machine),
            settings=settings(
                max_examples=runs,
                stateful_step_count=50,
                database=None,
                deadline=None,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        lab.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(20))
def test_whatever_members_do_the_server_is_what_the_model_says(number: int) -> None:
    live(25, number)


@pytest.mark.long
@pytest.mark.parametrize("number", range(500, 520))
def test_the_same_for_five_thousand_runs(number: int) -> None:
    live(250, number)

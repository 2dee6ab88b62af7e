"""What a crowd of writers was promised, to be held against what is there after a crash."""

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from appliance.atproto.tid import TidClock
from tests.support.client import Member, Refused, now

POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"
PROFILE = "app.bsky.actor.profile"


@dataclass
class Write:
    """A call that writes: what it puts at each path (None: it takes away), and what became of it.

    `results` are the CIDs of the answer; None is a call that had no answer.
    """

    member: Member
    nsid: str
    fields: dict[str, Any]
    paths: list[str]
    deletes: bool = False
    results: list[str] | None = None


@dataclass
class Ledger:
    """The records of every member, as far as they were acknowledged."""

    clock: TidClock
    records: dict[str, dict[str, str]] = field(default_factory=dict)
    unanswered: list[Write] = field(default_factory=list)
    answered: int = 0

    def plan(
        self, members: list[Member], count: int, star: str, dice: random.Random
    ) -> list[Write]:
        """Make writes of every kind; no two of them touch the same record.

        `star` is the post that everybody likes, as "uri cid".
        """
        free = {
            member.did: [path for path in self.records.get(member.did, {}) if path.startswith(POST)]
            for member in members
        }
        writes = [self._profile(member, dice) for member in members]
        while len(writes) < count:
            member = dice.choice(members)
            known = free[member.did]
            kind = dice.randrange(20)
            if kind < 2 and len(known) > 5:
                writes.append(self._delete(member, known.pop(dice.randrange(len(known)))))
            elif kind < 4:
                writes.append(self._like(member, star))
            elif kind < 5:
                writes.append(self._many(member, dice.randrange(2, 9)))
            else:
                writes.append(self._post(member))
        dice.shuffle(writes)
        return writes

    def _rkey(self) -> str:
        return str(self.clock.next())

    def _create(self, member: Member, collection: str, record: dict[str, Any]) -> Write:
        rkey = self._rkey()
        fields = {
            "repo": member.did,
            "collection": collection,
            "rkey": rkey,
            "record": {"createdAt": now(), **record},
        }
        return Write(member, "com.atproto.repo.createRecord", fields, [f"{collection}/{rkey}"])

    def _post(self, member: Member) -> Write:
        return self._create(member, POST, {"text": f"post {self._rkey()}"})

    def _like(self, member: Member, star: str) -> Write:
        uri, _, cid = star.partition(" ")
        # In one call of applyWrites: createRecord would take an older like away.
        like = self._create(member, LIKE, {"subject": {"uri": uri, "cid": cid}})
        return self._batch(member, [like])

    def _many(self, member: Member, count: int) -> Write:
        return self._batch(member, [self._post(member) for _ in range(count)])

    def _batch(self, member: Member, parts: list[Write]) -> Write:
        creates = [
            {
                "$type": "com.atproto.repo.applyWrites#create",
                "collection": part.fields["collection"],
                "rkey": part.fields["rkey"],
                "value": {"$type": part.fields["collection"], **part.fields["record"]},
            }
            for part in parts
        ]
        fields = {"repo": member.did, "writes": creates}
        paths = [path for part in parts for path in part.paths]
        return Write(member, "com.atproto.repo.applyWrites", fields, paths)

    def _delete(self, member: Member, path: str) -> Write:
        collection, _, rkey = path.partition("/")
        fields = {"repo": member.did, "collection": collection, "rkey": rkey}
        return Write(member, "com.atproto.repo.deleteRecord", fields, [path], deletes=True)

    def _profile(self, member: Member, dice: random.Random) -> Write:
        record = {"$type": PROFILE, "displayName": f"name {dice.randrange(10**9)}"}
        fields = {"repo": member.did, "collection": PROFILE, "rkey": "self", "record": record}
        return Write(member, "com.atproto.repo.putRecord", fields, [f"{PROFILE}/self"])

    async def make(self, write: Write, answered: Callable[[], None]) -> None:
        """Make a call; enter it as answered or not."""
        try:
            answer = await write.member.post(write.nsid, **write.fields)
        except (aiohttp.ClientError, ConnectionError):
            self.unanswered.append(write)
            return
        if write.deletes:
            write.results = []
        else:
            write.results = [each["cid"] for each in answer.get("results", [answer])]
        self.enter(write)
        answered()

    def enter(self, write: Write) -> None:
        """Take note of what an answered call wrote."""
        self.answered += 1
        records = self.records.setdefault(write.member.did, {})
        if write.deletes:
            del records[write.paths[0]]
        else:
            records.update(zip(write.paths, write.results or [], strict=True))

    def settle(self, found: dict[str, dict[str, str]]) -> None:
        """Hold the ledger against what is there: no more, no less.

        A call without an answer may have been carried out, but then as a whole.
        """
        for write in self.unanswered:
            there = [path in found[write.member.did] for path in write.paths]
            assert len(set(there)) == 1, f"half of a commit: {write}"
            done = there[0] != write.deletes
            records = self.records.setdefault(write.member.did, {})
            if done and write.deletes:
                records.pop(write.paths[0])
            elif done:
                records.update({path: found[write.member.did][path] for path in write.paths})
        self.unanswered.clear()
        for did, records in self.records.items():
            assert found[did] == records, difference(found[did], records)


def difference(found: dict[str, str], promised: dict[str, str]) -> str:
    lost = {path for path in promised if found.get(path) != promised[path]}
    return f"lost: {sorted(lost)[:5]}; too much: {sorted(set(found) - set(promised))[:5]}"


async def crowd(
    ledger: Ledger, writes: Iterable[Write], enough: int, strike: Callable[[], None]
) -> None:
    """Make all the calls at the same time; strike once so many were answered."""
    left = enough

    def answered() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            strike()

    results = await asyncio.gather(
        *[ledger.make(write, answered) for write in writes], return_exceptions=True
    )
    failures = [each for each in results if isinstance(each, (Refused, AssertionError))]
    assert [each for each in results if each is not None] == [], failures[:3]

"""A day in a small network, step by step: each says what it changes, and keeps its word or not."""

import base64
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.atproto.tid import TidClock
from tests.support.client import Member, Refused, join, now
from tests.support.invariants import Key, Promises, as_text, facts_of, take_told
from tests.support.whole_house import FarHouse, House

POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"
PROFILE = "app.bsky.actor.profile"
# What a call is answered with when another role takes too long: on a machine with too much to do.
BUSY = "502 UpstreamFailure"
# A directory takes ten operations of an identity in an hour.
RENAMES_AN_HOUR = 8
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

Changes = Mapping[Key, str | None]


@dataclass
class Day:
    """Steps in any order; `promises` holds what was acknowledged, `failed` counts what was not."""

    house: House | FarHouse
    dice: random.Random
    clock: TidClock
    members: list[Member]
    promises: Promises = field(default_factory=Promises)
    posts: list[tuple[Member, str, str]] = field(default_factory=list)
    failed: int = 0
    done: int = 0
    settles: bool = True
    _serial: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    _renamed: Counter[str] = field(default_factory=Counter)

    @classmethod
    async def begin(cls, house: House | FarHouse, dice: random.Random, clock: TidClock) -> "Day":
        """Open the accounts of those who are there every day."""
        day = cls(house, dice, clock, [])
        for _ in range(3):
            await day.new_account()
        return day

    async def steps(self, count: int) -> None:
        """Make some steps; what was told is noted after each."""
        makers: list[Callable[[], Awaitable[None]]] = [
            self.write_post, self.write_post, self.write_picture, self.write_profile, self.like,
            self.write_many, self.delete_post, self.delete_post, self.set_preferences,
            self.make_app_password, self.mute, self.change_handle, self.withhold_record,
            self.take_down_account, self.close_and_open,
            self.import_older,
        ]  # fmt: skip
        for _ in range(count):
            await self.mend()
            if any(map(self._is_open, self.members)):
                await self.dice.choice(makers)()
            if isinstance(self.house, House):
                take_told(self.house.pds.event_log, self.promises)

    def again_at(self, house: House | FarHouse) -> None:
        """Go on in a house that was opened again."""
        self.house = house
        for member in self.members:
            member.http = house.http

    async def step(self, changes: Changes, call: Awaitable[Any]) -> Any:
        """Make a call that changes this. A call that fails may have changed it, or not."""
        self.promises.begin(changes)
        try:
            answer = await call
        except Refused as refused:
            self._note(refused)
            if self.settles:
                self.promises.settle(facts_of(self.house.data), changes)
            return None
        self.promises.keep(changes)
        self.done += 1
        return answer

    @property
    def at_fault(self) -> int:
        """How many calls failed for more than that another role was too busy to answer in time."""
        return self.failed - self.refusals[BUSY]

    def _note(self, refused: Refused) -> None:
        """Only the storage may be at fault."""
        if refused.status < 500:
            raise refused
        self.failed += 1
        self.refusals[f"{refused.status} {refused.error}"] += 1

    def _is_open(self, member: Member) -> bool:
        return self.promises.allowed["state", member.did, ""] == {"active"}

    def _member(self) -> Member:
        return self.dice.choice([each for each in self.members if self._is_open(each)])

    def _name(self) -> str:
        self._serial += 1
        return f"{self._serial}x{self.dice.randrange(10**6)}"

    async def new_account(self) -> None:
        handle = f"day{self._name()}.test"
        self.promises.coming.add(handle)
        try:
            made = await join(self.house.http, self.house.pds_url, handle=handle)
        except Refused as refused:
            self._note(refused)
            return
        state: Changes = {("handle", made.did, ""): handle, ("state", made.did, ""): "active"}
        self.promises.keep(state)
        self.members.append(made)

    async def _create(self, member: Member, record: dict[str, Any], more: Changes) -> str | None:
        rkey, collection = str(self.clock.next()), record["$type"]
        changes = {("record", member.did, f"{collection}/{rkey}"): as_text(record), **more}
        fields = {"repo": member.did, "collection": collection, "rkey": rkey, "record": record}
        made = await self.step(changes, member.post("com.atproto.repo.createRecord", **fields))
        return made and rkey

    async def write_post(self) -> None:
        member = self._member()
        text = "word " * self.dice.choice((1, 10, 50))
        record = {"$type": POST, "text": text + self._name(), "createdAt": now()}
        if rkey := await self._create(member, record, {}):
            self.posts.append((member, rkey, ""))

    async def write_picture(self) -> None:
        member = self._member()
        try:
            blob = await member.upload(PIXEL + self._name().encode(), "image/png")
        except Refused as refused:
            self._note(refused)
            return
        cid = blob["ref"]["$link"]
        embed = {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": ""}]}
        record = {"$type": POST, "text": "look", "createdAt": now(), "embed": embed}
        if rkey := await self._create(member, record, {("blob", member.did, cid): "used"}):
            self.posts.append((member, rkey, cid))

    async def write_profile(self) -> None:
        member = self._member()
        record = {"$type": PROFILE, "displayName": self._name()}
        await self.step(
            {("record", member.did, f"{PROFILE}/self"): as_text(record)},
            member.post(
                "com.atproto.repo.putRecord",
                repo=member.did,
                collection=PROFILE,
                rkey="self",
                record=record,
            ),
        )

    async def like(self) -> None:
        if not self.posts:
            return
        author, rkey, _ = self.dice.choice(self.posts)
        cid = "bafyreihyrpefhacm6kkp4ql6j6udakdit7g3dmkzfriqfykhjw6cad5lrm"
        subject = {"uri": f"at://{author.did}/{POST}/{rkey}", "cid": cid}
        # In a batch: createRecord would take an older like of the same post away.
        await self._write_all(
            self._member(), [{"$type": LIKE, "subject": subject, "createdAt": now()}]
        )

    async def write_many(self) -> None:
        records = [
            {"$type": POST, "text": self._name(), "createdAt": now()}
            for _ in range(self.dice.randrange(2, 7))
        ]
        await self._write_all(self._member(), records)

    async def _write_all(self, member: Member, records: list[dict[str, Any]]) -> None:
        keyed = [(str(self.clock.next()), record) for record in records]
        writes = [
            {
                "$type": "com.atproto.repo.applyWrites#create",
                "collection": record["$type"],
                "rkey": rkey,
                "value": record,
            }
            for rkey, record in keyed
        ]
        changes = {
            ("record", member.did, f"{record['$type']}/{rkey}"): as_text(record)
            for rkey, record in keyed
        }
        call = member.post("com.atproto.repo.applyWrites", repo=member.did, writes=writes)
        await self.step(changes, call)

    async def delete_post(self) -> None:
        mine = [post for post in self.posts if self._is_open(post[0])]
        if not mine:
            return
        post = self.dice.choice(mine)
        self.posts.remove(post)
        member, rkey, cid = post
        path = f"{POST}/{rkey}"
        changes: dict[Key, str | None] = {("record", member.did, path): None}
        if ("withheld", member.did, path) in self.promises.allowed:
            changes["withheld", member.did, path] = None
        if cid:
            changes["blob", member.did, cid] = None
        fields = {"repo": member.did, "collection": POST, "rkey": rkey}
        await self.step(changes, member.post("com.atproto.repo.deleteRecord", **fields))

    async def set_preferences(self) -> None:
        member = self._member()
        items = [{"$type": "app.bsky.actor.defs#interestsPref", "tags": [self._name()]}]
        await self.step(
            {("preferences", member.did, ""): as_text(items)},
            member.post("app.bsky.actor.putPreferences", preferences=items),
        )

    async def make_app_password(self) -> None:
        member, name = self._member(), self._name()
        call = member.post("com.atproto.server.createAppPassword", name=name)
        await self.step({("app password", member.did, name): "made"}, call)

    async def mute(self) -> None:
        member, other = self._member(), self._member()
        if member is not other:
            call = member.post("app.bsky.graph.muteActor", actor=other.did)
            await self.step({("mute", member.did, other.did): "muted"}, call)

    async def change_handle(self) -> None:
        member, handle = self._member(), f"new{self._name()}.test"
        self._renamed[member.did] += 1
        if self._renamed[member.did] > RENAMES_AN_HOUR:
            await self.new_account()
            return
        self.promises.coming.add(handle)
        call = member.post("com.atproto.identity.updateHandle", handle=handle)
        await self.step({("handle", member.did, ""): handle}, call)

    async def withhold_record(self) -> None:
        if not self.posts:
            return
        member, rkey, _ = self.dice.choice(self.posts)
        key = ("withheld", member.did, f"{POST}/{rkey}")
        record = await member.raw(
            "GET",
            "/xrpc/com.atproto.repo.getRecord",
            params={"repo": member.did, "collection": POST, "rkey": rkey},
        )
        if record.status != 200:
            return
        subject = {
            "$type": "com.atproto.repo.strongRef",
            "uri": record.json["uri"],
            "cid": record.json["cid"],
        }
        for applied, value in ((True, self._name()), (False, None)):
            await self._operate({key: value}, subject, applied=applied, ref=value)

    async def take_down_account(self) -> None:
        did = self._member().did
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": did}
        key = ("state", did, "")
        await self._operate({key: "taken down"}, subject, applied=True, ref="bad")
        for _ in range(3):
            await self._operate({key: "active"}, subject, applied=False, ref=None)
            if self.promises.allowed[key] == {"active"}:
                return

    async def _operate(
        self, changes: Changes, subject: dict[str, Any], *, applied: bool, ref: str | None
    ) -> None:
        takedown = {"applied": applied, **({"ref": ref} if ref else {})}
        call = self.house.operator.post(
            "com.atproto.admin.updateSubjectStatus", subject=subject, takedown=takedown
        )
        await self.step(changes, call)

    async def close_and_open(self) -> None:
        member = self._member()
        await self._close(member)
        await self._open(member)

    async def _close(self, member: Member) -> None:
        call = member.post("com.atproto.server.deactivateAccount")
        await self.step({("state", member.did, ""): "deactivated"}, call)

    async def _open(self, member: Member) -> None:
        key = ("state", member.did, "")
        for _ in range(3):
            await self.step({key: "active"}, member.post("com.atproto.server.activateAccount"))
            if self.promises.allowed[key] == {"active"}:
                return

    async def import_older(self) -> None:
        """Take the repo out, write on, and put the older one in its place."""
        member = self._member()
        archive = await member.raw(
            "GET", "/xrpc/com.atproto.sync.getRepo", params={"did": member.did}
        )
        allowed = self.promises.allowed
        then = {key: values for key, values in allowed.items() if key[:2] == ("record", member.did)}
        if archive.status != 200 or any(len(values) > 1 for values in then.values()):
            return
        record = {"$type": POST, "text": f"soon gone {self._name()}", "createdAt": now()}
        await self._create(member, record, {})
        await self._close(member)
        if allowed["state", member.did, ""] == {"deactivated"}:
            changes: dict[Key, str | None] = {
                key: next(iter(then.get(key, {None})))
                for key in allowed
                if key[:2] == ("record", member.did)
            }
            await self.step(changes, self._send(member, archive.body))
        await self._open(member)

    async def _send(self, member: Member, archive: bytes) -> None:
        kind = {"Content-Type": "application/vnd.ipld.car"}
        answer = await member.raw("POST", "/xrpc/com.atproto.repo.importRepo", archive, kind)
        if answer.status != 200:
            raise Refused(answer.status, *answer.error[1:], str(answer.body[:200]))

    async def mend(self) -> None:
        """Open again whatever was left closed, when a step was cut off."""
        for member in self.members:
            state = self.promises.allowed["state", member.did, ""]
            if state == {"active"}:
                continue
            if "taken down" in state:
                subject = {"$type": "com.atproto.admin.defs#repoRef", "did": member.did}
                changes: Changes = {("state", member.did, ""): "active"}
                await self._operate(changes, subject, applied=False, ref=None)
            else:
                await self._open(member)

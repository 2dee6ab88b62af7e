"""Permission sets: what a lexicon's authority bundles under one name, looked up and kept.

https://atproto.com/specs/permission#permission-sets
"""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from appliance.atproto.identity.lexicon_resolver import (
    LexiconNotFound,
    LexiconResolver,
    LexiconUnreachable,
)
from appliance.atproto.lexicon.catalog import Catalog
from appliance.atproto.syntax import JsonObject, Nsid
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.pds.oauth.permissions import Permissions
from appliance.pds.oauth.permissions_kinds import (
    ANY,
    Include,
    Permission,
    RepoPermission,
    RpcPermission,
)
from appliance.pds.oauth.permissions_syntax import InvalidScope

PATIENCE_SECONDS: Final = 8.0
# How old a kept set may be when a member is asked; for those who agreed before it never ages.
KEPT_US: Final = 90 * 86_400 * 1_000_000
# How old the note of a set may be before it is written again.
NOTED_US: Final = 86_400 * 1_000_000
LONGEST_TITLE: Final = 100
LONGEST_DETAIL: Final = 400


@dataclass(frozen=True)
class PermissionSet:
    """A set as one app asked for it; `title` and `detail` are its author's words, or empty."""

    nsid: Nsid
    title: str
    detail: str
    contents: tuple[Permission, ...]


class PermissionSets:
    """Gives the permissions of sets: published ones, else those kept, else those that came with us.

    A set is asked for again when the resolver's day is over. `asking`: whether lexicons of others
    are looked for at all.
    """

    def __init__(
        self, db: Database, resolver: LexiconResolver, own: Catalog, clock: Clock, *, asking: bool
    ) -> None:
        self._db = db
        self._resolver = resolver
        self._own = own
        self._clock = clock
        self._asking = asking

    async def describe(self, permissions: Permissions) -> dict[str, PermissionSet]:
        """Look up the sets that an app asks for, by token. Raises InvalidScope if one is missing.

        Nothing is kept: anybody may ask.
        """
        return {
            str(include): read_set(include, await self._definition(include.nsid))
            for include in permissions.includes
        }

    async def contents(self, include: Include, *, renewing: bool) -> Iterable[Permission]:
        """Give what a set grants, and keep it, as a member agreed to it. Raises InvalidScope."""
        nsid = include.nsid
        definition = await self._definition(nsid, renewing=renewing, keeping=True)
        return read_set(include, definition).contents

    async def _definition(
        self, nsid: Nsid, *, renewing: bool = False, keeping: bool = False
    ) -> JsonObject:
        definition = await self._published(nsid)
        if definition is not None and keeping:
            await self._keep(nsid, definition)
        definition = definition or self._kept(nsid, renewing=renewing)
        if definition is None and self._own.has(nsid):
            definition = self._own.definition(nsid)
        if definition is None:
            raise InvalidScope(f"the permission set {nsid} cannot be had")
        if definition["type"] != "permission-set":
            raise InvalidScope(f"{nsid} is not a permission set")
        return definition

    async def _keep(self, nsid: Nsid, definition: JsonObject) -> None:
        text, now = json.dumps(definition), self._clock.now_us()
        known = self._db.read_one(
            "SELECT 1 FROM permission_set WHERE nsid = ? AND definition = ? AND fetched_at >= ?",
            nsid,
            text,
            now - NOTED_US,
        )
        if known is None:
            await self._db.write(_keep, nsid, text, now)

    async def _published(self, nsid: Nsid) -> JsonObject | None:
        if not self._asking:
            return None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                found = await self._resolver.resolve(nsid)
        except TimeoutError:
            self._resolver.give_up(nsid)
            return None
        except (LexiconNotFound, LexiconUnreachable):
            return None
        main: JsonObject | None = found.schema["defs"].get("main")
        return main

    def _kept(self, nsid: Nsid, *, renewing: bool) -> JsonObject | None:
        oldest = 0 if renewing else self._clock.now_us() - KEPT_US
        row = self._db.read_one(
            "SELECT definition FROM permission_set WHERE nsid = ? AND fetched_at >= ?", nsid, oldest
        )
        kept: JsonObject | None = json.loads(row[0]) if row else None
        return kept


def read_set(include: Include, definition: JsonObject) -> PermissionSet:
    """Read the main definition of a set: what is not understood, or not its to grant, is left out.

    A set grants what is named in its own group of NSIDs or below it, and only records and calls.
    """
    found = (_read(include, each) for each in definition["permissions"])
    group = include.nsid.rpartition(".")[0] + "."
    return PermissionSet(
        include.nsid,
        str(definition.get("title", ""))[:LONGEST_TITLE],
        str(definition.get("detail", ""))[:LONGEST_DETAIL],
        tuple(each for each in found if each is not None and _is_within(each, group)),
    )


def _read(include: Include, entry: JsonObject) -> Permission | None:
    given = {name: value for name, value in entry.items() if name not in ("type", "resource")}
    match entry["resource"]:
        case "repo":
            return RepoPermission.of_parameters(given)
        case "rpc":
            return _rpc(include, given)
        case _:
            return None


def _rpc(include: Include, given: JsonObject) -> Permission | None:
    """Read a permission to call; its service is any, or the one that the app asked for."""
    inherits, aud = given.pop("inheritAud", False), given.get("aud")
    if not isinstance(inherits, bool) or aud not in (None, ANY) or (inherits and aud is not None):
        return None
    return RpcPermission.of_parameters({**given, "aud": include.aud} if inherits else given)


def _is_within(permission: Permission, group: str) -> bool:
    """Whether each name stands in the group; "*" never does."""
    match permission:
        case RepoPermission(collections=names) | RpcPermission(lxms=names):
            return all(name.startswith(group) for name in names)
        case _:
            return False


def _keep(conn: Connection, nsid: Nsid, definition: str, now: int) -> None:
    conn.execute(
        "INSERT INTO permission_set (nsid, definition, fetched_at) VALUES (?, ?, ?)"
        " ON CONFLICT (nsid) DO UPDATE"
        " SET definition = excluded.definition, fetched_at = excluded.fetched_at",
        (nsid, definition, now),
    )

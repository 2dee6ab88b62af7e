"""The members, as the operator deals with them over the PDS."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

from appliance.admin.clients import RoleClient
from appliance.atproto.syntax import Did, Handle, InvalidSyntax
from appliance.atproto.xrpc.errors import UpstreamFailure, XrpcError
from appliance.base.made_up import made_up_address

State: TypeAlias = Literal["active", "takendown", "suspended", "deactivated", "inactive"]

PAGE_SIZE: Final = 50
CREATE: Final = "com.atproto.server.createAccount"
# How many accounts a search by name looks through.
MOST_SEARCHED: Final = 5000
REPO_REF: Final = "com.atproto.admin.defs#repoRef"
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_SYLLABLES: Final = [a + b for a in "bdfghjkmnprstvz" for b in "aeiou"]


@dataclass(frozen=True)
class Person:
    """A member. `suspended_until` is empty unless the account comes back by itself."""

    did: str
    handle: str
    email: str
    joined: str
    state: State
    invite_code: str = ""
    invited_by: str = ""
    email_confirmed: bool = False
    storage: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    suspended_until: str = ""

    @property
    def has_made_up_address(self) -> bool:
        return not self.email_confirmed and self.email == made_up_address(self.handle)


@dataclass(frozen=True)
class Welcome:
    """A new member, with the password that is shown once."""

    did: str
    handle: str
    password: str


@dataclass(frozen=True)
class Terms:
    """What the PDS says of itself before anybody joins."""

    domains: Sequence[str]
    invites_required: bool


@dataclass(frozen=True)
class Page:
    """Some of many, and where the next begin."""

    items: Sequence[Any]
    cursor: str | None


class NoSuchPerson(LookupError):
    """There is no such account here."""


class People:
    """Members, invites and mail: each a documented method of the PDS."""

    def __init__(self, pds: RoleClient) -> None:
        self._pds = pds
        self._network_did = ""

    async def terms(self) -> Terms:
        """Which handles there may be, and whether joining takes an invite."""
        about = await self._pds.query("com.atproto.server.describeServer")
        return Terms(about["availableUserDomains"], bool(about.get("inviteCodeRequired")))

    async def page(self, cursor: str | None = None, limit: int = PAGE_SIZE) -> Page:
        """List members in the order in which they came."""
        found = await self._pds.query("com.atproto.sync.listRepos", limit=limit, cursor=cursor)
        nobody = await self.network_did()
        states = {repo["did"]: _state(repo) for repo in found["repos"] if repo["did"] != nobody}
        return Page(await self._described(states), found.get("cursor"))

    async def network_did(self) -> str:
        """The account of the network itself, which is nobody's; empty before there is one."""
        if not self._network_did:
            try:
                found = await self._pds.query("internal.hearth.pds.getNetworkAccount")
            except UpstreamFailure:
                raise
            except XrpcError:
                return ""
            self._network_did = found["did"]
        return self._network_did

    async def search(self, text: str) -> Page:
        """Find members by a part of their handle or address, or by their DID."""
        if text.startswith("did:"):
            try:
                return Page([await self.get(text)], None)
            except NoSuchPerson:
                return Page([], None)
        wanted = text.lower().removeprefix("@")
        found: list[Person] = []
        cursor: str | None = None
        for _ in range(MOST_SEARCHED // PAGE_SIZE):
            page = await self.page(cursor)
            found.extend(one for one in page.items if wanted in one.handle or wanted in one.email)
            cursor = page.cursor
            if cursor is None or len(found) >= PAGE_SIZE:
                break
        return Page(found, None)

    async def get(self, did: str) -> Person:
        """Raises NoSuchPerson."""
        try:
            Did(did)
            info = await self._pds.query("com.atproto.admin.getAccountInfo", did=did)
            status = await self._pds.query("com.atproto.admin.getSubjectStatus", did=did)
            storage = await self._pds.query("internal.hearth.pds.getStorage", did=did)
        except InvalidSyntax as error:
            raise NoSuchPerson(did) from error
        except XrpcError as error:
            if error.status == 400:
                raise NoSuchPerson(did) from error
            raise
        hidden = status.get("deactivated", {}).get("applied")
        state: State = "deactivated" if hidden else "active"
        takedown = status.get("takedown", {})
        if takedown.get("applied"):
            state = _state(await self._pds.query("com.atproto.sync.getRepoStatus", did=did))
        # Without a reason the PDS notes the time, as the reference does.
        reason = "" if _TIME.fullmatch(noted := str(takedown.get("ref", ""))) else noted
        until = await self._end_of_suspension(did) if state == "suspended" else ""
        person = _person(info, state)
        return replace(person, storage=storage, reason=reason, suspended_until=until)

    async def handles(self, dids: Sequence[str]) -> Mapping[str, str]:
        """Name those of some DIDs that live here."""
        people = await self._described(dict.fromkeys(dids, "active"))
        return {person.did: person.handle for person in people}

    async def create(self, handle: str, email: str, password: str) -> Welcome:
        """Open an account; without an address or a password, make one up.

        Raises XrpcError.
        """
        fields = {
            "handle": handle,
            "email": email or made_up_address(handle),
            "password": password or new_password(),
        }
        if (await self.terms()).invites_required:
            fields["inviteCode"] = await self.invite(1)
        made = await self._pds.call_as_anybody(CREATE, **fields)
        await self._pds.note(CREATE, {"did": made["did"], "handle": made["handle"]})
        return Welcome(made["did"], made["handle"], fields["password"])

    async def reset_password(self, did: str) -> str:
        """Give a member a new password, ending their sessions; return it."""
        password = new_password()
        await self._pds.call("com.atproto.admin.updateAccountPassword", did=did, password=password)
        return password

    async def texts(self) -> Mapping[str, str]:
        """What the owner has written for everybody: rules and welcome."""
        found: Mapping[str, str] = await self._pds.query("internal.hearth.pds.getHouseTexts")
        return found

    async def write_texts(self, rules: str, welcome: str) -> None:
        await self._pds.call("internal.hearth.pds.putHouseTexts", rules=rules, welcome=welcome)

    async def remove_second_steps(self, did: str) -> None:
        """Let a member's password do alone."""
        await self._pds.call("internal.hearth.pds.removeSecondSteps", did=did)

    async def _end_of_suspension(self, did: str) -> str:
        found = await self._pds.query("internal.hearth.pds.getSuspension", did=did)
        return str(found.get("until", ""))

    async def suspend(self, did: str, days: int, reason: str) -> None:
        """Hide a member and all they wrote for some days, noting why."""
        given = {"reason": reason} if reason else {}
        await self._pds.call("internal.hearth.pds.suspendAccount", did=did, days=days, **given)

    async def set_takedown(self, did: str, *, applied: bool, reason: str = "") -> None:
        """Hide a member and all they wrote, noting why, or show them again."""
        takedown: dict[str, Any] = {"applied": applied}
        if applied and reason:
            takedown["ref"] = reason
        await self._pds.call(
            "com.atproto.admin.updateSubjectStatus",
            subject={"$type": REPO_REF, "did": did},
            takedown=takedown,
        )

    async def delete(self, did: str) -> None:
        """Delete an account and all of it, for good."""
        await self._pds.call("com.atproto.admin.deleteAccount", did=did)

    async def kept_names(self) -> Sequence[Mapping[str, Any]]:
        """List names that are kept for those who moved away with their did:web."""
        found = await self._pds.query("internal.hearth.pds.listKeptNames", limit=100)
        names: Sequence[Mapping[str, Any]] = found["names"]
        return names

    async def free_name(self, did: str) -> None:
        """End the document of one who lives elsewhere, so that others may have the name."""
        await self._pds.call("internal.hearth.pds.freeKeptName", did=did)

    async def invite(self, uses: int) -> str:
        """Make an invite code that lets so many join."""
        made = await self._pds.call("com.atproto.server.createInviteCode", useCount=uses)
        return str(made["code"])

    async def invite_by_link(self, uses: int, days: int | None, note: str) -> Mapping[str, Any]:
        """Make an invite that is a link; give it as it is listed."""
        made: Mapping[str, Any] = await self._pds.call(
            "internal.hearth.pds.createInvite", uses=uses, days=days, note=note or None
        )
        return made

    async def invites(self, cursor: str | None = None) -> Page:
        """List invites, the newest first."""
        found = await self._pds.query(
            "internal.hearth.pds.listInvites", limit=PAGE_SIZE, cursor=cursor
        )
        return Page(found["invites"], found.get("cursor"))

    async def disable_invite(self, code: str) -> None:
        """Let nobody join with a code any more."""
        await self._pds.call("com.atproto.admin.disableInviteCodes", codes=[code])

    async def mail(self, cursor: str | None = None) -> Page:
        """List the mail this network would send, or has sent, the newest first."""
        found = await self._pds.query("internal.hearth.pds.listMail", limit=20, cursor=cursor)
        return Page(found["mails"], found.get("cursor"))

    async def _described(self, states: Mapping[str, State]) -> list[Person]:
        if not states:
            return []
        dids = list(states)
        found = await self._pds.query("com.atproto.admin.getAccountInfos", dids=dids)
        return [_person(info, states[info["did"]]) for info in found["infos"]]


def whole_handle(typed: str, domains: Sequence[str]) -> str:
    """Make a handle of what was typed: "ann", "@Ann", or all of "ann.smith.home".

    Raises InvalidSyntax.
    """
    name = typed.strip().removeprefix("@").lower()
    if "." not in name and domains:
        name += domains[0]
    return Handle(name)


def new_password() -> str:
    """Make a password that can be read out and typed on a phone: 62 bits in ten syllables."""
    words = ["".join(secrets.choice(_SYLLABLES) for _ in range(2)) for _ in range(5)]
    return "-".join(words)


def is_email(text: str) -> bool:
    return bool(re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", text))


def _state(repo: Mapping[str, Any]) -> State:
    if repo.get("active", True):
        return "active"
    status = repo.get("status")
    return status if status in ("takendown", "suspended", "deactivated") else "inactive"


def _person(info: Mapping[str, Any], state: State) -> Person:
    return Person(
        did=info["did"],
        handle=info["handle"],
        email=info.get("email", ""),
        joined=info["indexedAt"],
        state=state,
        invite_code=info.get("invitedBy", {}).get("code", ""),
        invited_by=info.get("invitedBy", {}).get("createdBy", ""),
        email_confirmed="emailConfirmedAt" in info,
    )

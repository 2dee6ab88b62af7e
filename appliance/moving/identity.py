"""The point of no return: have the DID say that the account lives at the new server.

Whoever can sign is looked for in this order: a recovery key that was given, our own server if the
DID names a rotation key of ours, the old server with a code that it mails. A did:web whose document
our own server makes is pointed by it; of any other the owner is told what it has to say.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity import plc
from appliance.atproto.xrpc.errors import XrpcError
from appliance.moving.journal import Journal
from appliance.moving.server import Server
from appliance.moving.trouble import Trouble, Waiting
from appliance.operator import Operator

RECOMMENDED: Final = "com.atproto.identity.getRecommendedDidCredentials"
MOST_ROTATION_KEYS: Final = 5
_MAILS_READ: Final = 50
_CODE: Final = re.compile(r"\b[A-Z2-7]{5}-[A-Z2-7]{5}\b")
_POINT: Final = "internal.hearth.pds.pointWebIdentity"
_NO_CODE: Final = "-"
_STATUS: Final = "com.atproto.server.checkAccountStatus"

Ask = Callable[[str], Awaitable[str]]


@dataclass(frozen=True)
class Parties:
    """Who takes part: `source` is None where the old server cannot be asked."""

    ours: Server
    operator: Operator
    target: Server
    source: Server | None


@dataclass(frozen=True)
class Powers:
    """What the one who moves has: answers, perhaps a code that came by mail, or a recovery key."""

    ask: Ask
    given_code: Callable[[], str]
    recovery_key: PrivateKey | None = None


class Identity:
    """Change the DID of the account of a journal."""

    def __init__(self, parties: Parties, powers: Powers, journal: Journal) -> None:
        self._parties = parties
        self._powers = powers
        self._journal = journal

    async def points_there(self) -> bool:
        """Tell whether the DID names the new server already."""
        return bool((await self._parties.target.query(_STATUS))["validDid"])

    async def prepare(self) -> None:
        """Have an operation signed, and write it down; nothing has changed by that.

        Raises Waiting where a code or somebody else's doing is awaited, Trouble.
        """
        did = self._journal.fact("did")
        wanted = await self._parties.target.query(RECOMMENDED)
        if not plc.is_plc_did(did):
            if not await self._is_pointed_here():
                raise Waiting(*_by_hand(did, wanted))
            return
        state = await self._parties.operator.query("internal.hearth.pds.getPlcState", did=did)
        operation = self._journal.fact("operation")
        if operation is None or operation["prev"] != str(plc.cid_of(state["last"])):
            self._journal.note(operation=await self._signed(state, wanted))

    async def submit(self) -> None:
        """Tell the directory, or our server that makes the document. Raises Trouble."""
        if not plc.is_plc_did(self._journal.fact("did")):
            await self._point()
            return
        nsid = "com.atproto.identity.submitPlcOperation"
        try:
            await self._parties.target.call(nsid, operation=self._journal.fact("operation"))
        except XrpcError as refusal:
            if await self.points_there():  # the answer to an earlier try was lost
                return
            self._journal.note(operation=None)
            raise Trouble(
                f"the directory was not told: {refusal.name}: {refusal.message}",
                "an operation that the directory takes",
                "give the command again: another operation is signed",
            ) from refusal

    async def _signed(self, state: dict[str, Any], wanted: dict[str, Any]) -> Any:
        keys = await self._rotation_keys(state, wanted)
        next_one = plc.update_operation(
            state["last"],
            rotation_keys=keys,
            signing_key=wanted["verificationMethods"]["atproto"],
            handle=wanted["alsoKnownAs"][0].removeprefix("at://"),
            pds_url=wanted["services"]["atproto_pds"]["endpoint"],
        )
        given = self._powers.recovery_key
        if given is not None:
            if given.public.did_key not in state["rotationKeys"]:
                raise Trouble(
                    f"the recovery key is {given.public.did_key}",
                    f"one of {', '.join(state['rotationKeys'])}",
                    "give the key that was made for this account",
                )
            return plc.sign_operation(next_one, given)
        changes = {name: next_one[name] for name in wanted}
        credentials = await self._parties.ours.query(RECOMMENDED)
        if set(credentials["rotationKeys"]) & set(state["rotationKeys"]):
            return await self._signed_here(changes)
        return await self._signed_there(changes)

    async def _rotation_keys(self, state: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
        """Keep the member's own keys in front, leave the old server's out."""
        theirs: set[str] = set()
        if self._parties.source is not None:
            theirs = set((await self._parties.source.query(RECOMMENDED))["rotationKeys"])
        new = wanted["rotationKeys"]
        own = [key for key in state["rotationKeys"] if key not in theirs and key not in new]
        keys = [*own, *new][-MOST_ROTATION_KEYS:]
        self._journal.note(keysKept=[key for key in keys if key not in new] or None)
        return keys

    async def _is_pointed_here(self) -> bool:
        """Tell whether our server makes the document: then it objects to the code alone."""
        try:
            await self._parties.ours.call(_POINT, token=_NO_CODE)
        except XrpcError as refusal:
            return refusal.name == "InvalidToken"
        return False

    async def _point(self) -> None:
        """Have our server name the new one in the document, or itself if it is the new one."""
        place: dict[str, str] = {}
        if self._parties.target.url != self._parties.ours.url:
            wanted = await self._parties.target.query(RECOMMENDED)
            place["endpoint"] = wanted["services"]["atproto_pds"]["endpoint"]
            place["signingKey"] = wanted["verificationMethods"]["atproto"]
            place["handle"] = wanted["alsoKnownAs"][0].removeprefix("at://")
        await self._parties.ours.call(_POINT, token=await self._own_code(), **place)

    async def _signed_here(self, changes: dict[str, Any]) -> Any:
        return await _sign(self._parties.ours, await self._own_code(), changes)

    async def _own_code(self) -> str:
        """Have our server send a code; it is read in its own outbox, so no mail is needed."""
        ours = self._parties.ours
        await ours.call("com.atproto.identity.requestPlcOperationSignature")
        page = await self._parties.operator.query("internal.hearth.pds.listMail", limit=_MAILS_READ)
        did = self._journal.fact("did")
        letters = (mail["body"] for mail in page["mails"] if mail["did"] == did)
        found = next((code for body in letters if (code := _CODE.search(body))), None)
        if found is None:
            raise Trouble(
                "the code that was just asked for is not in the outbox",
                f"it among the last {_MAILS_READ} letters",
                "give the command again",
            )
        return found[0]

    async def _signed_there(self, changes: dict[str, Any]) -> Any:
        """Have the old server sign, with the code that it mails to the member."""
        source = self._parties.source
        if source is None:
            raise Waiting(
                "the DID names another server, and nobody here can sign a change of it",
                "the recovery key of the account, or the old server with its password",
                "give --recovery-key FILE, or use: hearth account move-in --from URL HANDLE",
            )
        code = self._powers.given_code() or await self._mailed(source)
        if not code:
            self._journal.note(codeRequested=None)
            raise Waiting(
                "no code was given",
                f"the code from the mail of {source.url}",
                "give the command again: another code is mailed",
            )
        try:
            signed = await _sign(source, code, changes)
        except XrpcError as refusal:
            self._journal.note(codeRequested=None)
            raise Trouble(
                f"{source.url} did not sign: {refusal.name}: {refusal.message}",
                "the code from the newest mail, not older than a quarter of an hour",
                "give the command again: another code is mailed",
            ) from refusal
        # A key more in it, and the old server could take the account back whenever it likes.
        if {name: signed.get(name) for name in changes} != changes:
            self._journal.note(codeRequested=None)
            raise Trouble(
                f"{source.url} has signed another operation than was asked for",
                "the keys, the handle and the server that were sent, and nothing else",
                "nothing has changed; tell whoever runs that server, or use --recovery-key FILE",
            )
        return signed

    async def _mailed(self, source: Server) -> str:
        """Have a code mailed, unless one is on its way, and ask for it."""
        if not self._journal.fact("codeRequested"):
            await source.call("com.atproto.identity.requestPlcOperationSignature")
            self._journal.note(codeRequested=True)
        return await self._powers.ask(f"The code that {source.url} has mailed")


async def _sign(server: Server, code: str, changes: dict[str, Any]) -> Any:
    nsid = "com.atproto.identity.signPlcOperation"
    return (await server.call(nsid, token=code, **changes))["operation"]


def _by_hand(did: str, wanted: dict[str, Any]) -> tuple[str, str, str]:
    service = wanted["services"]["atproto_pds"]["endpoint"]
    key = wanted["verificationMethods"]["atproto"].removeprefix("did:key:")
    return (
        f"{did} is a document that only its owner can change",
        f"the service #atproto_pds at {service}, and the key #atproto {key}",
        "change the document, then give the command again",
    )

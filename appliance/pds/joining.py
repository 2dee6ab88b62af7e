"""Whoever wants an account: measured by the rules of this server, then let in."""

from dataclasses import dataclass, field

from appliance.atproto.syntax import Did, Handle
from appliance.pds.accounts import Account, AccountStore
from appliance.pds.credentials import check_email, new_hash
from appliance.pds.handles import HandlePolicy
from appliance.pds.invites import InvalidInviteCode, InviteStore
from appliance.pds.signup import Application, SignUp


class EmailMissing(ValueError):
    """Nobody gets an account without an address."""

    xrpc_name = "InvalidRequest"

    def __init__(self) -> None:
        super().__init__("Email is required")


@dataclass(frozen=True)
class Terms:
    """What is asked of everybody, and whose key stands before ours in a new did:plc."""

    invites_required: bool
    recovery_key: str


@dataclass(frozen=True)
class Wish:
    """What somebody filled in. `did` is one they have proven to own, or None for a new one."""

    handle: Handle
    email: str
    password: str = field(repr=False)
    invite_code: str | None = None
    recovery_key: str | None = None
    did: Did | None = None


class Joining:
    """Open accounts for those who ask."""

    def __init__(
        self,
        handles: HandlePolicy,
        accounts: AccountStore,
        invites: InviteStore,
        signup: SignUp,
        terms: Terms,
    ) -> None:
        self._handles = handles
        self._accounts = accounts
        self._invites = invites
        self._signup = signup
        self.terms = terms

    async def open(self, wish: Wish) -> Account:
        """Open an account.

        Raises InvalidInviteCode, EmailMissing, UnusableEmail, NameTaken, InvalidPassword, what is
        wrong with the handle, and what the directory's refusal raises.
        """
        if self.terms.invites_required and not wish.invite_code:
            raise InvalidInviteCode
        if not wish.email:
            raise EmailMissing
        check_email(wish.email)
        await self._handles.check(wish.handle, wish.did)
        # Before anything is told of who is here: whoever is not invited does not learn that.
        code = await self._code(wish)
        # Looked at before the costly hashing, and once more in the transaction.
        self._accounts.check_names_free(wish.handle, wish.email)
        hashed = await new_hash(wish.password)
        recovery_key = wish.recovery_key or self.terms.recovery_key or None
        application = Application(wish.handle, wish.email, hashed, code, recovery_key, wish.did)
        return await self._signup.open(application)

    async def _code(self, wish: Wish) -> str | None:
        """The code by which somebody comes in. Where none is asked for, a good one still counts.

        Raises InvalidInviteCode.
        """
        if not wish.invite_code:
            return None
        try:
            await self._invites.check(wish.invite_code)
        except InvalidInviteCode:
            if self.terms.invites_required:
                raise
            return None
        return wish.invite_code

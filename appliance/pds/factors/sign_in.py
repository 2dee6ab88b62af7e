"""Signing in on our own pages, in one step or two.

Whoever gave the right password and owes a second step gets a ticket: it says whose password was
right, and is good for five minutes, in the browser it was made for.
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.pds.accounts import Account
from appliance.pds.credentials import Credentials, WrongCredentials
from appliance.pds.factors.factors import FactorKind, Factors
from appliance.pds.factors.passkeys import Passkeys

TICKET_SECONDS: Final = 300


class TicketExpired(ValueError):
    """The password was given too long ago, or in another browser."""

    xrpc_name = "ExpiredToken"


@dataclass(frozen=True)
class HalfWay:
    """The password was right; one of these kinds of answers is needed, too."""

    did: Did
    ticket: str
    kinds: list[FactorKind]


class SignIn:
    """Prove who one is, to our own pages."""

    def __init__(
        self, credentials: Credentials, factors: Factors, passkeys: Passkeys, clock: Clock
    ) -> None:
        self._credentials = credentials
        self._factors = factors
        self._passkeys = passkeys
        self._clock = clock
        self._key = secrets.token_bytes(32)

    async def password(self, identifier: str, password: str, browser: str) -> Account | HalfWay:
        """Check a password; `browser` is a secret of the browser's cookie.

        Raises WrongCredentials, also for an app password: these are for apps.
        """
        login = await self._credentials.login(identifier, password)
        if login.app_password is not None:
            raise WrongCredentials
        kinds = await self._factors.required(login.account.did)
        if not kinds:
            return login.account
        if kinds == ["mail"]:
            await self._factors.send_code(login.account)
        return HalfWay(login.account.did, self._ticket(login.account.did, browser), kinds)

    async def second_step(self, ticket: str, answer: str, browser: str) -> Did:
        """Check the second step.

        Raises TicketExpired, FactorRequired, WrongFactor, TooManyGuesses.
        """
        did = self.holder(ticket, browser)
        await self._factors.verify(did, answer)
        return did

    async def passkey(self, answer: str) -> Did:
        """Sign in by a passkey alone. Raises BadPasskey."""
        return await self._passkeys.sign_in(answer)

    def holder(self, ticket: str, browser: str) -> Did:
        """Whose password was right. Raises TicketExpired."""
        did, _, rest = ticket.partition(" ")
        end, _, seal = rest.partition(" ")
        expected = self._seal(f"{did} {end}", browser)
        if not hmac.compare_digest(seal.encode(), expected.encode()):
            raise TicketExpired("The ticket is not for this browser")
        if int(end) <= self._clock.now():
            raise TicketExpired("The password was given too long ago")
        return Did.unchecked(did)

    def _ticket(self, did: Did, browser: str) -> str:
        body = f"{did} {int(self._clock.now()) + TICKET_SECONDS}"
        return f"{body} {self._seal(body, browser)}"

    def _seal(self, body: str, browser: str) -> str:
        return hmac.digest(self._key, f"{body} {browser}".encode(), "sha256").hex()

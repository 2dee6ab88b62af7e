"""Which second step an account asks for, and whether an answer to it is right.

An answer is one text: a code of the authenticator app, a mailed code, a recovery code, or what the
browser's passkey said (JSON). So a form needs one field, whatever the member has.
"""

import math
from typing import Literal

from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.base.database import Database
from appliance.pds.accounts import Account
from appliance.pds.factors import second_steps, totp
from appliance.pds.factors.passkeys import BadPasskey, Passkeys
from appliance.pds.factors.second_steps import SecondSteps
from appliance.pds.letters import CodeMail

FactorKind = Literal["passkey", "totp", "mail"]

LONGEST_CODE = 64


class FactorRequired(ValueError):
    """The password was right, and does not do alone."""

    xrpc_name = "AuthFactorTokenRequired"

    def __init__(self) -> None:
        super().__init__("A second step is needed: a code from your app, by mail, or for recovery")


class WrongFactor(ValueError):
    """The answer to the second step is wrong, used up or too old."""

    xrpc_name = "InvalidToken"

    def __init__(self) -> None:
        super().__init__("Token is invalid")


class TooManyGuesses(ValueError):
    """So many wrong answers that none is looked at for a while; `wait` in seconds."""

    xrpc_name = "RateLimitExceeded"

    def __init__(self, wait: int) -> None:
        super().__init__(f"Too many wrong codes; try again in {wait} seconds")
        self.wait = wait


class Factors:
    """The second steps of all accounts."""

    def __init__(self, db: Database, passkeys: Passkeys, codes: CodeMail, clock: Clock) -> None:
        self._db = db
        self._passkeys = passkeys
        self._codes = codes
        self._clock = clock

    def steps(self, did: Did) -> SecondSteps:
        """What is switched on."""
        return second_steps.state_of(self._db.read_one(second_steps.STATE, did))

    async def required(self, did: Did) -> list[FactorKind]:
        """The kinds of answer that count behind the password; none if it does alone.

        A recovery code always counts in the place of any of them.
        """
        steps = self.steps(did)
        if not steps.any:
            return []
        kinds: dict[FactorKind, bool] = {
            "passkey": steps.passkeys > 0,
            "totp": steps.totp,
            "mail": steps.mail,
        }
        return [kind for kind, counts in kinds.items() if counts]

    async def verify(self, did: Did, answer: str) -> None:
        """Check an answer; a right one is used up.

        Raises FactorRequired for an empty answer, WrongFactor or TooManyGuesses. Does nothing if
        no second step is switched on.
        """
        steps = self.steps(did)
        if not steps.any:
            return
        answer = answer.strip()
        if not answer:
            raise FactorRequired
        if answer.startswith("{"):
            try:
                await self._passkeys.verify(did, answer)
            except BadPasskey as bad:
                raise WrongFactor from bad
            return
        await self._judge(did, answer)

    async def send_code(self, account: Account) -> None:
        """Mail a code that counts as the second step."""
        await self._codes.send(account, "sign_in")

    async def begin_totp(self, did: Did) -> bytes:
        """The secret for an authenticator app; it counts once a code of it was shown.

        Raises AlreadyConfirmed.
        """
        return await self._db.write(second_steps.begin_totp, did)

    async def confirm_totp(self, did: Did, code: str) -> None:
        """Switch the app on. Raises WrongFactor."""
        digits = "".join(code.split())[: totp.DIGITS + 1]
        now = self._clock.now_us()
        if not await self._db.write(second_steps.confirm_totp, did, digits, now):
            raise WrongFactor

    async def remove_totp(self, did: Did) -> None:
        await self._db.write(second_steps.remove_totp, did)

    async def set_mail(self, did: Did, wanted: bool) -> None:
        """Switch codes by mail on or off."""
        await self._db.write(second_steps.set_mail, did, wanted)

    async def set_passkey(self, did: Did, wanted: bool) -> None:
        """Whether a passkey is asked for behind the password."""
        await self._db.write(second_steps.set_passkey, did, wanted)

    async def new_recovery_codes(self, did: Did) -> list[str]:
        """Make ten codes, shown this once; older ones are void."""
        return await self._db.write(second_steps.new_recovery_codes, did)

    async def remove_all(self, did: Did) -> None:
        """Forget every second step and passkey: the password does alone."""
        await self._db.write(second_steps.delete_all, did)

    async def _judge(self, did: Did, answer: str) -> None:
        if len(answer) > LONGEST_CODE:
            raise WrongFactor
        found = await self._db.write(second_steps.judge, did, answer, self._clock.now_us())
        if found.wait_us:
            raise TooManyGuesses(math.ceil(found.wait_us / 1_000_000))
        if not found.right:
            raise WrongFactor

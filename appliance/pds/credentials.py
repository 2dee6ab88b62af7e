"""Prove who one is by password or mailed code, and change what proves it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from appliance.atproto.syntax import Did, Handle, InvalidSyntax
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.base.passwords import hash_password, is_current, verify_password
from appliance.pds import accounts, devices, email_tokens, sessions
from appliance.pds.accounts import Account, AccountStore
from appliance.pds.app_passwords import AppPassword, AppPasswordStore
from appliance.pds.oauth import grants

LONGEST_PASSWORD_TRIED = 512
LONGEST_PASSWORD = 256
LONGEST_EMAIL = 254
# So long every failed login takes, and every wish for a letter: so neither tells who is here.
FAILURE_SECONDS = 0.35

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f.]+")


class WrongCredentials(ValueError):
    """Identifier and password do not belong together."""

    xrpc_name = "AuthenticationRequired"

    def __init__(self) -> None:
        super().__init__("Invalid identifier or password")


class InvalidPassword(ValueError):
    """A new password that is missing or too long."""

    xrpc_name = "InvalidPassword"


class UnusableEmail(ValueError):
    """Not an address mail could be sent to."""

    xrpc_name = "InvalidRequest"

    def __init__(self) -> None:
        super().__init__("This email address is not supported, please use a different email.")


class InvalidEmail(ValueError):
    """Not the address of this account."""

    xrpc_name = "InvalidEmail"

    def __init__(self) -> None:
        super().__init__("Invalid email")


class TokenRequired(ValueError):
    """A confirmed address changes only with a code sent to it."""

    xrpc_name = "TokenRequired"

    def __init__(self) -> None:
        super().__init__("Confirmation token required")


@dataclass(frozen=True)
class Login:
    """A successful login, and the app password it was made with, if it was one."""

    account: Account
    app_password: AppPassword | None


class Credentials:
    """Passwords and addresses of accounts: check and change."""

    def __init__(
        self,
        db: Database,
        account_store: AccountStore,
        app_passwords: AppPasswordStore,
        clock: Clock,
    ) -> None:
        self._db = db
        self._accounts = account_store
        self._app_passwords = app_passwords
        self._clock = clock

    async def login(self, identifier: str, password: str) -> Login:
        """Check a password given with a handle, DID or e-mail address in any case.

        Says nothing of the account's standing. Raises WrongCredentials, after at least 0.35 s.
        """
        started = time.monotonic()
        account = self.named(identifier)
        if account is not None and len(password) <= LONGEST_PASSWORD_TRIED:
            app_password = await self._app_passwords.match(account.did, password)
            if app_password is not None:
                return Login(account, app_password)
            if await verify_password(password, account.password_hash):
                await self._renew_hash(account, password)
                return Login(account, None)
        await _rest_since(started)
        raise WrongCredentials

    async def check_password(self, account: Account, password: str) -> None:
        """Check the account's own password. Raises WrongCredentials."""
        if len(password) > LONGEST_PASSWORD_TRIED or not await verify_password(
            password, account.password_hash
        ):
            raise WrongCredentials

    async def set_password(self, did: Did, password: str) -> None:
        """Change a password; every session ends. Raises InvalidPassword."""
        await self._db.write(set_password, did, await new_hash(password))

    async def reset_password(self, token: str, password: str) -> Did:
        """Change the password of whoever was sent the code; every session ends.

        Raises InvalidPassword, InvalidEmailToken or ExpiredEmailToken.
        """
        hashed = await new_hash(password)
        return await self._db.write(reset_password, token, hashed, self._clock.now_us())

    async def confirm_email(self, account: Account, email: str, token: str) -> None:
        """Raises InvalidEmail, InvalidEmailToken or ExpiredEmailToken."""
        if email.lower() != account.email:
            raise InvalidEmail
        await self._db.write(confirm_email, account.did, token, self._clock.now_us())

    async def update_email(self, account: Account, email: str, token: str | None) -> None:
        """Change the address, with a code if the old one is confirmed; a code given is checked.

        Raises UnusableEmail, TokenRequired, NameTaken, InvalidEmailToken or ExpiredEmailToken.
        """
        check_email(email)
        if token is None and account.email_confirmed_at is not None:
            raise TokenRequired
        await self._db.write(update_email, account.did, email, token, self._clock.now_us())

    async def set_email(self, did: Did, email: str) -> None:
        """Change the address by the operator's word. Raises UnusableEmail, NameTaken."""
        check_email(email)
        await self._db.write(set_email, did, email)

    async def _renew_hash(self, account: Account, password: str) -> None:
        """Hash a password as it is done today, if it came from elsewhere hashed otherwise."""
        if not is_current(account.password_hash):
            renewed = await hash_password(password)
            await self._db.write(accounts.renew_hash, account, renewed)

    def named(self, identifier: str) -> Account | None:
        try:
            if identifier.startswith("did:"):
                return self._accounts.find(Did(identifier))
            if "@" in identifier:
                return self._accounts.by_email(identifier)
            return self._accounts.find(Handle(identifier))
        except InvalidSyntax:
            return None


@asynccontextmanager
async def taking_its_time() -> AsyncIterator[None]:
    """Have what is done inside last as long for everybody, whoever is here and who is not."""
    started = time.monotonic()
    yield
    await _rest_since(started)


async def _rest_since(started: float) -> None:
    await asyncio.sleep(FAILURE_SECONDS - (time.monotonic() - started))


async def new_hash(password: str) -> str:
    """Hash a new password. Raises InvalidPassword."""
    if not password:
        raise InvalidPassword("Password is required")
    if len(password) > LONGEST_PASSWORD:
        raise InvalidPassword("Password too long")
    return await hash_password(password)


def check_email(email: str) -> None:
    """Raises UnusableEmail."""
    if len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        raise UnusableEmail


def set_password(conn: Connection, did: Did, hashed: str) -> None:
    """Change a password; sessions and the codes to reset it end."""
    accounts.set_password(conn, did, hashed)
    email_tokens.delete(conn, did, "reset_password")
    sessions.revoke_all(conn, did)
    devices.end_all(conn, did)
    grants.end_all(conn, did)


def reset_password(conn: Connection, token: str, hashed: str, now_us: int) -> Did:
    did = email_tokens.use_unnamed(conn, "reset_password", token, now_us)
    set_password(conn, did, hashed)
    return did


def confirm_email(conn: Connection, did: Did, token: str, now_us: int) -> None:
    email_tokens.use(conn, did, "confirm_email", token, now_us)
    accounts.confirm_email(conn, did, now_us)


def update_email(conn: Connection, did: Did, email: str, token: str | None, now_us: int) -> None:
    if token is not None:
        email_tokens.use(conn, did, "update_email", token, now_us)
    set_email(conn, did, email)


def set_email(conn: Connection, did: Did, email: str) -> None:
    """Change the address; codes that went to the old one prove nothing any more."""
    accounts.set_email(conn, did, email)
    email_tokens.delete_all(conn, did)

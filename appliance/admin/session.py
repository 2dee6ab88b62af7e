"""Sessions of the panel: a random token in a cookie, its hash in the owner's file."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from appliance.admin.claim import check_password
from appliance.admin.owner import Owner, OwnerFile
from appliance.base.browsers import new_token
from appliance.base.passwords import hash_password, verify_password
from appliance.base.throttle import Throttle

LIFETIME_SECONDS: Final = 14 * 86_400
MOST_SESSIONS: Final = 20


class WrongPassword(ValueError):
    """This is not the owner's password."""


class Sessions:
    """Begin, know and end the owner's sessions."""

    def __init__(self, file: OwnerFile, throttle: Throttle, now: Callable[[], float]) -> None:
        self._file = file
        self._throttle = throttle
        self._now = now

    async def sign_in(self, password: str, address: str) -> str:
        """Begin a session for whoever knows the password; return its token.

        Raises TooManyTries, WrongPassword.
        """
        await self.prove(password, address)
        return await self.begin()

    async def prove(self, password: str, address: str) -> None:
        """See that somebody knows the owner's password. Raises TooManyTries, WrongPassword."""
        self._throttle.count(address)
        stored = self._file.owner.password
        if not stored or not await verify_password(password, stored):
            raise WrongPassword
        self._throttle.forgive(address)

    async def change_password(self, old: str, new: str, address: str) -> str:
        """Set another password for whoever knows the old one; end all sessions, and begin one.

        Return its token. Raises TooManyTries, WrongPassword, UnfitPassword.
        """
        await self.prove(old, address)
        check_password(new)
        hashed = await hash_password(new)
        await self._file.change(lambda owner: replace(owner, password=hashed, sessions={}))
        return await self.begin()

    async def begin(self) -> str:
        """Begin a session; return its token. The oldest ends when there are too many."""
        token = new_token()
        end = self._now() + LIFETIME_SECONDS

        def added(owner: Owner) -> Owner:
            kept = sorted(self._live(owner.sessions).items(), key=lambda one: one[1])
            return replace(owner, sessions=dict([*kept[1 - MOST_SESSIONS :], (_hash(token), end)]))

        await self._file.change(added)
        return token

    def is_live(self, token: str) -> bool:
        """Tell whether a cookie belongs to a session that has not ended."""
        return self._file.owner.sessions.get(_hash(token), 0.0) > self._now()

    async def end(self, token: str) -> None:
        """End a session."""
        gone = _hash(token)

        def without(owner: Owner) -> Owner:
            kept = {key: end for key, end in self._live(owner.sessions).items() if key != gone}
            return replace(owner, sessions=kept)

        await self._file.change(without)

    def _live(self, sessions: Mapping[str, float]) -> dict[str, float]:
        return {key: end for key, end in sessions.items() if end > self._now()}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

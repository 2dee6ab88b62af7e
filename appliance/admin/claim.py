"""Who owns a new network: whoever first shows the code that only its computer knows."""

import contextlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from appliance.admin.owner import Owner, OwnerFile
from appliance.base.passwords import LONGEST, hash_password
from appliance.base.secret_files import read_or_create
from appliance.base.throttle import Throttle

# Without letters and digits that are mistaken for one another.
ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
SHORTEST_PASSWORD: Final = 10


class AlreadyClaimed(Exception):
    """The network has an owner."""


class WrongCode(ValueError):
    """This is not the claim code."""


class UnfitPassword(ValueError):
    """A password too short, or too long to be hashed."""


class Claim:
    """The claim code, as a file that lives until the network has an owner."""

    def __init__(
        self, file: OwnerFile, code_file: Path, throttle: Throttle, now: Callable[[], float]
    ) -> None:
        self._file = file
        self._code_file = code_file
        self._throttle = throttle
        self._now = now
        if file.owner.is_claimed:
            self._forget()
            self._code = ""
        else:
            self._code = read_or_create(code_file, new_code)

    def url(self, base_url: str) -> str | None:
        """The link with which to begin; None once the network has an owner."""
        if self._file.owner.is_claimed:
            return None
        return f"{base_url.rstrip('/')}/claim?code={quote(self._code)}"

    async def take(self, code: str, password: str, address: str) -> None:
        """Make whoever knows the code the owner. `address` is where they come from.

        Raises AlreadyClaimed, TooManyTries, WrongCode, UnfitPassword.
        """
        if self._file.owner.is_claimed:
            raise AlreadyClaimed
        self._throttle.count(address)
        if not hmac.compare_digest(_plain(code), _plain(self._code)):
            raise WrongCode
        self._throttle.forgive(address)
        check_password(password)
        hashed = await hash_password(password)
        await self._file.change(lambda owner: _claimed(owner, hashed, self._now()))
        self._code = ""
        self._forget()

    def _forget(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._code_file.unlink()


def new_code() -> str:
    """Make a code such as 7KQM-X2RD: 39 bits."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def check_password(password: str) -> None:
    """Raises UnfitPassword."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST:
        raise UnfitPassword


def _claimed(owner: Owner, hashed: str, now: float) -> Owner:
    if owner.is_claimed:
        raise AlreadyClaimed
    return replace(owner, password=hashed, claimed_at=now)


def _plain(code: str) -> bytes:
    """Read a code as people type it: in any case, with or without dashes and blanks."""
    return "".join(code.upper().replace("-", " ").split()).encode()

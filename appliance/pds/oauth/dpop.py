"""Proofs of a key (DPoP): their nonces, and that none counts twice.

A nonce is random and lives five minutes at most; what was proved is remembered with the nonce it
was proved under, and forgotten with it. So the memory is bounded, and since nonces die with the
process, no proof outlives a restart. https://www.rfc-editor.org/rfc/rfc9449
"""

import secrets
from dataclasses import dataclass, field
from typing import Final

from appliance.atproto import jwt
from appliance.base.clock import Clock
from appliance.pds.oauth.errors import DpopRefused, NonceWanted

ROTATED_AFTER: Final = 90.0
NONCE_SECONDS: Final = 290.0
CLOCK_MAY_DIFFER: Final = 300.0
# So many proofs under one nonce bring the next one early.
MOST_PROOFS: Final = 50_000
MOST_NONCES: Final = 6
_NONCE_BYTES: Final = 18


@dataclass
class _Nonce:
    """A nonce and what was proved under it; `born` in seconds."""

    born: float
    seen: set[int] = field(default_factory=set)


class DpopGuard:
    """Check proofs, and give the nonce that the next one has to carry."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._nonces: dict[str, _Nonce] = {}
        self._newest = ""

    def nonce(self) -> str:
        """The nonce to send with every answer."""
        newest = self._nonces.get(self._newest)
        now = self._clock.now()
        if newest is None or now >= newest.born + ROTATED_AFTER or len(newest.seen) >= MOST_PROOFS:
            self._newest = secrets.token_urlsafe(_NONCE_BYTES)
            self._nonces[self._newest] = _Nonce(now)
            self._forget(now)
        return self._newest

    def check(
        self, proof: str | None, *, method: str, url: str, access_token: str | None = None
    ) -> str:
        """Check the proof of one request and remember it; return the thumbprint of its key.

        Raises DpopRefused, or NonceWanted when all but the nonce is right.
        """
        if not proof:
            raise DpopRefused("A DPoP proof is required")
        now = self._clock.now()
        try:
            found = jwt.verify_dpop(
                proof,
                method=method,
                url=url,
                now=now,
                access_token=access_token,
                window=CLOCK_MAY_DIFFER,
            )
        except jwt.InvalidToken as bad:
            raise DpopRefused(f"DPoP: {bad}") from bad
        nonce = self._nonces.get(found.nonce or "")
        if nonce is None or now >= nonce.born + NONCE_SECONDS:
            raise NonceWanted
        # Keyed by a secret of this process: the same again always has the same mark, and something
        # else has it by a chance of one in 2**61.
        mark = hash((found.thumbprint, found.jti))
        if mark in nonce.seen:
            raise DpopRefused("DPoP: the proof was used before")
        nonce.seen.add(mark)
        return found.thumbprint

    def _forget(self, now: float) -> None:
        """Drop nonces that are over; under a flood of proofs, the oldest early."""
        for text, nonce in list(self._nonces.items()):
            if now >= nonce.born + NONCE_SECONDS or len(self._nonces) > MOST_NONCES:
                del self._nonces[text]

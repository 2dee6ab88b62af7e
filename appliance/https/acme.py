"""A client of ACME (RFC 8555): one order at a time, from the account to the signed certificate.

Nothing is kept here but the account's address and unused nonces; an order that fails is begun
anew, and names the authority has proven before it does not prove again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol, TypeAlias

from appliance.base.http import HttpClient, OutboundFailed, Response
from appliance.https.account_key import AccountKey, encoded

SECONDS_TO_ANSWER: Final = 30.0
SECONDS_TO_PROVE: Final = 180.0
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 15.0
TRIES_FOR_A_NONCE: Final = 8
MOST_NONCES: Final = 16
MOST_BYTES: Final = 200_000
_PROBLEM: Final = "urn:ietf:params:acme:error:"
_UNDECIDED: Final = ("pending", "processing")

Pause: TypeAlias = Callable[[float], Awaitable[None]]


class AcmeRefused(Exception):
    """The authority does not sign; `kind` is RFC 8555's word for why, `wait` in seconds if told."""

    def __init__(self, kind: str, detail: str, wait: float = 0.0) -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.detail = detail
        self.wait = wait


@dataclass(frozen=True)
class Challenge:
    """What the authority wants to see for a name (without "*."), and the text that proves it."""

    name: str
    kind: str
    token: str
    authorization: str


class Way(Protocol):
    """One way to prove a name: something is shown while the authority looks."""

    kind: str

    def shown(self, challenge: Challenge) -> AbstractAsyncContextManager[None]: ...


class AcmeClient:
    """An account at one authority. `contact` is an address for its letters; empty for none."""

    def __init__(
        self,
        http: HttpClient,
        directory: str,
        key: AccountKey,
        contact: str = "",
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._http = http
        self._directory_url = directory
        self._key = key
        self._contact = contact
        self._pause = pause
        self._directory: Mapping[str, Any] = {}
        self._account = ""
        self._nonces: list[str] = []

    async def certificate(self, names: Sequence[str], request: bytes, ways: Sequence[Way]) -> str:
        """Have a certificate signed for a request (DER); give it and those between, as PEM.

        `ways` are tried for nothing but being offered: the first that the authority takes.

        Raises AcmeRefused, OutboundFailed, and what a way raises.
        """
        with _as_told():
            await self._sign_in()
            wanted = [{"type": "dns", "value": name} for name in names]
            answer = await self._post(self._directory["newOrder"], {"identifiers": wanted})
            place, order = answer.headers["Location"], answer.json()
            for authorization in order["authorizations"]:
                await self._prove(authorization, ways)
            order = await self._decided(place, ("ready", "valid"))
            if order["status"] == "ready":
                await self._post(order["finalize"], {"csr": encoded(request)})
                order = await self._decided(place, ("valid",), ("ready",))
            signed = await self._post(order["certificate"], None)
            return signed.body.decode("ascii")

    async def _sign_in(self) -> None:
        if not self._directory:
            self._directory = await self._http.get_json(
                self._directory_url, timeout=SECONDS_TO_ANSWER
            )
        if not self._account:
            about: dict[str, object] = {"termsOfServiceAgreed": True}
            if self._contact:
                about["contact"] = [f"mailto:{self._contact}"]
            answer = await self._post(self._directory["newAccount"], about)
            self._account = answer.headers["Location"]

    async def _prove(self, place: str, ways: Sequence[Way]) -> None:
        """Show the authority what it wants to see, until it has decided."""
        found = (await self._post(place, None)).json()
        if found["status"] == "valid":
            return
        way, wanted = _chosen(found, ways)
        token = wanted["token"]
        challenge = Challenge(
            found["identifier"]["value"], way.kind, token, self._key.authorization(token)
        )
        async with way.shown(challenge):
            await self._post(wanted["url"], {})
            await self._decided(place, ("valid",))

    async def _decided(
        self, place: str, good: Sequence[str], undecided: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """Wait until an order or authorization is as wanted. Raises AcmeRefused."""
        try:
            async with asyncio.timeout(SECONDS_TO_PROVE):
                pause = FIRST_PAUSE
                while True:
                    answer = await self._post(place, None)
                    found: Mapping[str, Any] = answer.json()
                    if found["status"] in good:
                        return found
                    if found["status"] not in (*_UNDECIDED, *undecided):
                        raise _refusal(found)
                    await self._pause(min(_wait(answer) or pause, LONGEST_PAUSE))
                    pause = min(pause * 1.5, LONGEST_PAUSE)
        except TimeoutError as error:
            raise AcmeRefused("timeout", "the authority does not come to an end") from error

    async def _post(self, url: str, payload: object) -> Response:
        """Send a signed message; one whose nonce is refused is signed anew."""
        for _ in range(TRIES_FOR_A_NONCE):
            who = {"kid": self._account} if self._account else {"jwk": self._key.jwk}
            message = {"nonce": await self._nonce(), "url": url, **who}
            answer = await self._http.request(
                "POST",
                url,
                headers={"Content-Type": "application/jose+json"},
                body=self._key.signed(payload, message),
                max_bytes=MOST_BYTES,
                timeout=SECONDS_TO_ANSWER,
                redirects=0,
            )
            self._keep_nonce(answer)
            if answer.status < 400:
                return answer
            refused = _problem(answer)
            if refused.kind != "badNonce":
                break
        else:
            raise AcmeRefused("badNonce", "the authority refuses the nonces that it gives")
        if refused.kind == "accountDoesNotExist":
            self._account = ""
        raise refused

    async def _nonce(self) -> str:
        if not self._nonces:
            answer = await self._http.request(
                "HEAD", self._directory["newNonce"], timeout=SECONDS_TO_ANSWER, redirects=0
            )
            self._keep_nonce(answer)
        if not self._nonces:
            raise AcmeRefused("malformed", "the authority gives no nonce")
        return self._nonces.pop()

    def _keep_nonce(self, answer: Response) -> None:
        nonce = answer.headers.get("Replay-Nonce")
        if nonce:
            self._nonces = [*self._nonces[1 - MOST_NONCES :], nonce]


def _chosen(found: Mapping[str, Any], ways: Sequence[Way]) -> tuple[Way, Mapping[str, Any]]:
    """Take the first way that the authority offers for a name. Raises AcmeRefused."""
    offered = {each["type"]: each for each in found["challenges"]}
    for way in ways:
        if way.kind in offered:
            return way, offered[way.kind]
    name = found["identifier"]["value"]
    star = "*." if found.get("wildcard") else ""
    raise AcmeRefused(
        "unsupported", f"{star}{name} can only be proven by {' or '.join(offered) or 'nothing'}"
    )


def _refusal(found: Mapping[str, Any]) -> AcmeRefused:
    """Why an order or authorization came to nothing: its own words, or those of a challenge."""
    told = [found.get("error"), *(each.get("error") for each in found.get("challenges", ()))]
    problem: Mapping[str, Any] = next((each for each in told if each), {})
    return AcmeRefused(_kind(problem), str(problem.get("detail", found["status"])))


def _problem(answer: Response) -> AcmeRefused:
    try:
        told = answer.json()
    except OutboundFailed:
        told = {}
    if not isinstance(told, dict) or "type" not in told:
        return AcmeRefused("serverInternal", f"it answers {answer.status}", _wait(answer))
    return AcmeRefused(_kind(told), str(told.get("detail", "")), _wait(answer))


def _kind(problem: Mapping[str, Any]) -> str:
    return str(problem.get("type", "invalid")).removeprefix(_PROBLEM)


def _wait(answer: Response) -> float:
    """How long the authority asks to wait, in seconds: a number or a date; 0 for not."""
    text = answer.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


@contextmanager
def _as_told() -> Iterator[None]:
    """An authority that answers in another shape than the RFC's is refused, not a fault here."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise AcmeRefused("malformed", "the authority answers what cannot be understood") from error

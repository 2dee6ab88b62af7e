"""What a proxy before this server changes or drops, seen in the mirror under the public name.

Whatever certificate is shown there is taken: what is wrong with it is told by `tls_checks`.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from appliance.base.http import HttpClient, OutboundFailed, Response
from appliance.pds.doctor.mirror import BODY_BYTES, PATH, Mirror, Reflection
from appliance.pds.doctor.public_place import PublicPlace
from appliance.upkeep.checkup import Finding

# An address for documentation, which nobody has: whoever takes it for the caller's can be lied to.
MADE_UP: Final = "192.0.2.77"
FORWARDED: Final = "X-Forwarded-For"
SECONDS: Final = 15.0
BODY_SECONDS: Final = 40.0
CHUNK: Final = 60_000
GREETING: Final = "hello"
_REFUSED_NAME: Final = 421
_GATEWAYS: Final = (502, 503, 504, 530)
SNIPPETS: Final = "the proxy's part of the documentation shows how"


class ProxyChecks:
    """Look into the mirror, as a stranger who comes by the public name."""

    def __init__(self, place: PublicPlace, mirror: Mirror, http: HttpClient) -> None:
        """`http` may reach the public address, wherever that is."""
        self._place = place
        self._mirror = mirror
        self._http = http
        self._subject = f"Address {place.url}"

    async def look(self) -> list[Finding]:
        """Ask plainly; if the mirror is there, with a WebSocket and a large body, too."""
        nonce = self._mirror.new()
        try:
            answer = await self._http.request(
                "GET", self._at(nonce), headers={FORWARDED: MADE_UP}, timeout=SECONDS, redirects=0
            )
        except OutboundFailed as problem:
            return [self._stranger(f"it does not answer as a web server does: {problem}")]
        if answer.status != 200:
            return [self._refused(answer.status, answer.headers.get("Location", ""))]
        seen = _reflection(answer)
        if seen is None or seen.nonce != nonce:
            return [self._stranger("what answers is not this server")]
        return [
            *self._name(seen),
            *self._addresses(seen),
            *self._scheme(seen),
            *await self._upgrade(),
            *await self._body(),
        ]

    def _at(self, nonce: str) -> str:
        return f"{self._place.url}{PATH}{nonce}"

    def _bad(self, seen: str, expected: str, remedy: str, cause: str) -> Finding:
        return Finding(self._subject, "bad", seen, expected, remedy, cause)

    def _stranger(self, seen: str) -> Finding:
        return self._bad(
            seen,
            "this server, under its own name",
            "see where the name leads: to this network's router or server, and there to this"
            " computer; an old record or another service on that port is the usual reason",
            "stranger",
        )

    def _refused(self, status: int, location: str) -> Finding:
        if status == _REFUSED_NAME:
            return self._no_host("a name that is not ours")
        if status in _GATEWAYS:
            return self._bad(
                f"the proxy answers {status}: it does not reach Hearth",
                "a proxy that passes on to the front door",
                "see that it passes on to this computer and the port in door.port, and that"
                " door.host lets it in",
                "proxy-backend",
            )
        leads = f", to {location[:200]}" if location else ""
        return self._stranger(f"it answers {status}{leads}")

    def _no_host(self, seen: str) -> Finding:
        return self._bad(
            f"requests arrive for {seen}",
            f"requests that arrive for {self._place.hostname}, as they were sent",
            f"let the proxy pass on the Host header as it came; {SNIPPETS}",
            "proxy-host",
        )

    def _name(self, seen: Reflection) -> Iterator[Finding]:
        if urlsplit(f"//{seen.host}").hostname != self._place.hostname:
            yield self._no_host(seen.host[:100])

    def _addresses(self, seen: Reflection) -> Iterator[Finding]:
        """Compare what proxies have added to what was sent with the number that is trusted."""
        trusted = self._place.trusted_proxies
        named = [one.strip() for one in (seen.forwarded or "").split(",") if one.strip()]
        added = named[named.index(MADE_UP) + 1 :] if MADE_UP in named else named
        if trusted and not added:
            yield self._bad(
                "nobody says who asks: everybody counts as the proxy, or as whom they like",
                "a proxy that adds the caller's address to X-Forwarded-For",
                f"let the proxy set {FORWARDED}; without a proxy set network.trusted_proxies to 0",
                "proxy-address",
            )
        elif len(added) != trusted:
            count = len(added)
            yield self._bad(
                f"{count} {'proxy says' if count == 1 else 'proxies say'} who asks, and {trusted}"
                " are believed, so limits meet the wrong ones",
                f"network.trusted_proxies = {count}",
                "set it so in the settings, if you know these proxies",
                "proxy-count",
            )
        elif not trusted and named != [MADE_UP]:
            yield self._bad(
                f"something on the way drops {FORWARDED}, so there is a proxy that says nothing",
                "a proxy that adds the caller's address",
                f"let it set {FORWARDED}, and set network.trusted_proxies to 1",
                "proxy-address",
            )

    def _scheme(self, seen: Reflection) -> Iterator[Finding]:
        if self._place.is_tls and self._place.trusted_proxies and not seen.secure:
            yield self._bad(
                "requests by https arrive as if they were sent without it",
                "a proxy that sets X-Forwarded-Proto to https",
                f"let the proxy set X-Forwarded-Proto; {SNIPPETS}",
                "proxy-scheme",
            )

    async def _upgrade(self) -> list[Finding]:
        scheme = "wss" if self._place.is_tls else "ws"
        url = f"{scheme}:{self._at(self._mirror.new()).partition(':')[2]}"
        try:
            async with self._http.ws_connect(url) as socket:
                await socket.send_str(GREETING)
                said = await socket.receive(timeout=SECONDS)
            if said.type is aiohttp.WSMsgType.TEXT and said.data == GREETING:
                return []
            seen = "a WebSocket opens, but what is sent into it does not arrive"
        except (OutboundFailed, TimeoutError) as problem:
            seen = f"no WebSocket can be opened: {str(problem)[:150] or 'no answer'}"
        return [
            self._bad(
                seen,
                "WebSockets: relays and apps listen through them",
                f"let the proxy pass on the headers Upgrade and Connection; {SNIPPETS}",
                "proxy-upgrade",
            )
        ]

    async def _body(self) -> list[Finding]:
        megabytes = BODY_BYTES // 1_000_000
        try:
            answer = await self._http.request(
                "POST",
                self._at(self._mirror.new()),
                headers={"Content-Length": str(BODY_BYTES)},
                body=_picture(),
                timeout=BODY_SECONDS,
            )
            if answer.status == 200:
                seen = _reflection(answer)
                if seen is not None and seen.bytes == BODY_BYTES:
                    return []
                told = "only a part of it arrives"
            else:
                told = f"the answer is {answer.status}"
        except OutboundFailed as problem:
            told = str(problem)[:150]
        return [
            self._bad(
                f"an upload of {megabytes} MB does not come through: {told}",
                "uploads as large as pds.blob_limit allows",
                f"raise the proxy's limit for bodies (nginx: client_max_body_size); {SNIPPETS}",
                "proxy-body",
            )
        ]


async def _picture() -> AsyncIterator[bytes]:
    """Give as many bytes as a large picture has."""
    for _ in range(BODY_BYTES // CHUNK):
        yield bytes(CHUNK)


def _reflection(answer: Response) -> Reflection | None:
    """Read what the mirror shows; None where it is no mirror."""
    try:
        shown = answer.json()
        return Reflection(**shown)
    except (OutboundFailed, TypeError):
        return None

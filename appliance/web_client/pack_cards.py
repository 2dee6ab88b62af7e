"""The picture of a starter pack, which clients show where one is shared.

Drawn as SVG, so that the reader's browser writes any language in letters of its own. What is on
it stands in the pack's record, which its PDS shows to everybody.
"""

import html
import re
import textwrap
from dataclasses import dataclass
from typing import Final

from appliance.atproto.syntax import Did, InvalidSyntax, RecordKey
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError

CONTENT_TYPE: Final = "image/svg+xml"
PACKS: Final = "app.bsky.graph.starterpack"
# Twelve hundred by six hundred and thirty: the form that pages are announced in.
_CARD: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 630" width="1200" height="630">
<defs><linearGradient id="sky" x2="1" y2="1"><stop stop-color="#0a5ad4"/>\
<stop offset="1" stop-color="#35a2ff"/></linearGradient></defs>
<rect width="1200" height="630" fill="url(#sky)"/>
<g fill="#fff" text-anchor="middle" font-family="Inter, system-ui, sans-serif">
<text x="600" y="110" font-size="34" opacity=".85">{network}</text>
{lines}
</g>
</svg>
"""
_LINE: Final = '<text x="600" y="{y}" font-size="72" font-weight="700">{text}</text>'
_LINES, _LETTERS, _HEIGHT, _MIDDLE = 3, 26, 92, 360
_PATH: Final = re.compile(r"start/([^/]+)/([^/]+)")


@dataclass(frozen=True)
class PackCards:
    """Draws cards of packs whose records are here."""

    pds: XrpcClient
    network: str

    async def card(self, path: str) -> str | None:
        """Draw the card at a path, as `start/DID/RKEY`; None if it names no pack."""
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        try:
            params = {"repo": Did(found[1]), "collection": PACKS, "rkey": RecordKey(found[2])}
            answer = await self.pds.query("com.atproto.repo.getRecord", params)
        except (InvalidSyntax, XrpcError):
            return None
        record = answer.get("value") if isinstance(answer, dict) else None
        name = record.get("name") if isinstance(record, dict) else None
        return drawn(name if isinstance(name, str) else "", self.network)


def drawn(name: str, network: str) -> str:
    """Draw a card with the name of a pack, in as many lines as it takes, within limits."""
    shown = "".join(sign for sign in name if sign.isprintable())
    texts = textwrap.wrap(shown, _LETTERS, max_lines=_LINES, placeholder="…")
    top = _MIDDLE - _HEIGHT * (len(texts) - 1) // 2
    lines = (
        _LINE.format(y=top + _HEIGHT * number, text=html.escape(text))
        for number, text in enumerate(texts)
    )
    shown = "".join(sign for sign in network if sign.isprintable())
    return _CARD.format(network=html.escape(shown), lines="\n".join(lines))

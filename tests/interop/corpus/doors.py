"""Every method of the protocol at its door: by nobody, by tokens that do not open it, with nothing.

What would end what the others need is not among them.
"""

from collections.abc import Iterator
from typing import Final

from appliance.atproto.lexicon.catalog import load_catalog
from tests.interop.asking import Ask, Scene, Step, opened, post

_CALLERS: Final = (
    ("nobody", ""),
    ("a refresh token", "doorman.refresh"),
    ("an app", "doorman.app"),
)
# Others are not served by a PDS, or only by the operator, or would end what is asked with.
_SERVED: Final = (
    "com.atproto.identity.",
    "com.atproto.repo.",
    "com.atproto.server.",
    "com.atproto.sync.",
)
_ENDING: Final = (
    "com.atproto.server.deleteSession",
    "com.atproto.server.refreshSession",
    "com.atproto.server.deactivateAccount",
    "com.atproto.server.activateAccount",
    "com.atproto.sync.listRepos",  # others open accounts meanwhile
)


def _asked() -> Iterator[Ask]:
    for nsid, method in sorted(load_catalog().methods.items()):
        if not nsid.startswith(_SERVED) or nsid in _ENDING or method["type"] == "subscription":
            continue
        verb = "GET" if method["type"] == "query" else "POST"
        name = nsid.removeprefix("com.atproto.")
        for what, who in _CALLERS:
            if "input" in method:
                yield post(2, f"{name} by {what}", nsid, who)
            else:
                yield Ask(2, f"{name} by {what}", nsid, verb, who)


_DOORS: Final[tuple[Step, ...]] = (
    opened("doorman"),
    post(
        12, "an app password", "com.atproto.server.createAppPassword", "doorman",
        name="an app", keep={"doorman.secret": "password"},
    ),
    post(
        12, "the app signs in", "com.atproto.server.createSession",
        identifier="<doorman.did>", password="<doorman.secret>", keep={"doorman.app": "accessJwt"},
    ),
    *_asked(),
)  # fmt: skip
SCENES: Final = (Scene("doors", _DOORS),)

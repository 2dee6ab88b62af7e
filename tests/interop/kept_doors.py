"""Methods that ours answers and the reference leaves to the AppView, or answers otherwise."""

from typing import Final

from tests.interop.kept_row import BAD, Kept

_OURS: Final = (
    "doors: identity.resolveDid by *",
    "doors: identity.resolveIdentity by *",
    "doors: identity.refreshIdentity by *",
    "doors: sync.listReposByCollection by *",
)
DOORS: Final = tuple(
    Kept("Answered here; the reference passes it on to its AppView", BAD, theirs, _OURS)
    for theirs in ("401 AuthMissing", "400 InvalidToken", "200")
) + (
    Kept(
        "An app may ask, too; what no record names is not counted",
        "200",
        "200",
        ("doors: server.checkAccountStatus by *",),
        ("shape.*",),
    ),
)

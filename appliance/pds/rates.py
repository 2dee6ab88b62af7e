"""How often members and strangers may call the PDS, in the numbers that clients know."""

from collections.abc import Iterable
from typing import Final

from appliance.atproto.syntax import JsonObject
from appliance.atproto.xrpc.limits import DAY, HOUR, MINUTE, CallerLimit, Policy, Rule
from appliance.settings import Settings

LOGIN: Final = (Rule(30, 5 * MINUTE), Rule(300, DAY))
# Wrong passwords for one account, from wherever: guessing spread over many addresses.
WRONG_PASSWORDS: Final = (Rule(100, HOUR),)
REPO_WRITE: Final = "repo-write"
REPO_WRITES: Final = (Rule(5_000, HOUR), Rule(35_000, DAY))

_CREATE, _UPDATE, _DELETE = 3, 2, 1
_POINTS: Final = {"create": _CREATE, "update": _UPDATE, "delete": _DELETE}
_RENAMES: Final = (Rule(10, 5 * MINUTE), Rule(50, DAY))
MAILS: Final = (Rule(5, HOUR), Rule(15, DAY))
# Nobody finds so much to report; whoever does would bury what others report.
_REPORTS: Final = (Rule(30, 5 * MINUTE), Rule(200, DAY))

# Each takes the processor, and the one who writes, for as long as its records are many.
_IMPORTS: Final = (Rule(20, HOUR), Rule(100, DAY))

_PER_ADDRESS: Final = {
    "com.atproto.server.createAccount": (Rule(100, 5 * MINUTE),),
    "com.atproto.server.createSession": (Rule(300, 5 * MINUTE),),
    "com.atproto.server.deleteAccount": (Rule(50, 5 * MINUTE),),
    "com.atproto.server.reserveSigningKey": (Rule(100, 5 * MINUTE), Rule(300, DAY)),
    "com.atproto.server.resetPassword": (Rule(50, 5 * MINUTE),),
    "com.atproto.server.requestPasswordReset": (Rule(15, HOUR), Rule(50, DAY)),
    "com.atproto.server.confirmEmail": (Rule(50, 5 * MINUTE),),
    "com.atproto.repo.uploadBlob": (Rule(1_000, DAY),),
    "internal.hearth.pds.lookAt": (Rule(10, 5 * MINUTE), Rule(100, DAY)),
    "/oauth/par": (Rule(300, 5 * MINUTE),),
    "com.atproto.sync.getRepo": (Rule(6_000, 5 * MINUTE),),
}
_PER_CALLER: Final = {
    "com.atproto.identity.updateHandle": CallerLimit("rename", _RENAMES),
    "com.atproto.repo.createRecord": CallerLimit(REPO_WRITE, REPO_WRITES, _CREATE),
    "com.atproto.repo.putRecord": CallerLimit(REPO_WRITE, REPO_WRITES, _UPDATE),
    "com.atproto.repo.deleteRecord": CallerLimit(REPO_WRITE, REPO_WRITES, _DELETE),
    "com.atproto.repo.importRepo": CallerLimit("import", _IMPORTS),
    "com.atproto.moderation.createReport": CallerLimit("report", _REPORTS),
    "com.atproto.server.requestAccountDelete": CallerLimit("mail-delete", MAILS),
    "com.atproto.server.requestEmailConfirmation": CallerLimit("mail-confirm", MAILS),
    "com.atproto.server.requestEmailUpdate": CallerLimit("mail-update", MAILS),
    "com.atproto.identity.requestPlcOperationSignature": CallerLimit("mail-plc", MAILS),
}


def policy(settings: Settings, bypass_key: str) -> Policy:
    """Make the policy of the PDS."""
    return Policy(
        enabled=settings.limits.enabled,
        per_address=_PER_ADDRESS,
        per_caller=_PER_CALLER,
        trusted_proxies=settings.network.trusted_proxies,
        bypass_key=bypass_key,
        bypass_addresses=settings.limits.bypass_addresses,
    )


def points(writes: Iterable[JsonObject]) -> int:
    """Count what the writes of an applyWrites cost."""
    return sum(_POINTS[write["$type"].rpartition("#")[2]] for write in writes)

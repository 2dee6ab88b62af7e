"""Which repos a caller may read: the public the active ones, owner and operator also the others."""

from appliance.atproto.syntax import AtIdentifier
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.pds.accounts import Account
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller


def readable(pds: Pds, caller: Caller | None, repo: AtIdentifier) -> Account:
    """Find the account of a repo that may be read.

    Raises InvalidRequest named RepoNotFound, RepoTakendown, RepoSuspended or RepoDeactivated.
    """
    found = pds.accounts.find(repo)
    if found is None:
        raise InvalidRequest(f"Could not find repo: {repo}", "RepoNotFound")
    if found.is_active or (caller is not None and caller.may_see(found.did)):
        return found
    if found.status == "suspended":
        raise InvalidRequest(f"Repo has been suspended: {repo}", "RepoSuspended")
    if found.takedown_ref is not None:
        raise InvalidRequest(f"Repo has been taken down: {repo}", "RepoTakendown")
    raise InvalidRequest(f"Repo has been deactivated: {repo}", "RepoDeactivated")

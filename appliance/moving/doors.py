"""How the servers of a move are entered, and how an account is opened at the new one."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.http import HttpClient
from appliance.moving.identity import Ask
from appliance.moving.journal import Journal
from appliance.moving.server import Entry, Server
from appliance.moving.trouble import Trouble
from appliance.operator import Operator

# Some servers send a letter, or ask another server, before they answer.
SECONDS_TO_ANSWER: Final = 120.0
CREATE_ACCOUNT: Final = "com.atproto.server.createAccount"
_CREATE_SESSION: Final = "com.atproto.server.createSession"


@dataclass(frozen=True)
class Wish:
    """What the account is to be called at the new server; empty: whatever suits."""

    handle: str = ""
    email: str = ""
    password: str = ""
    invite: str = ""


class OperatorDoor:
    """Sessions here, opened for a member by the operator."""

    def __init__(self, operator: Operator, whose: Callable[[], str]) -> None:
        self._operator = operator
        self._whose = whose

    async def __call__(self) -> Entry:
        opened = await self._operator.call("internal.hearth.pds.openSession", did=self._whose())
        return Entry(str(opened["accessJwt"]))


class PasswordDoor:
    """Sessions at a server of somebody else; what renews them is kept in the journal.

    Where many servers share one door, the account itself lives at the one that its DID document
    names. That is noted with the first session: later the document names the new server.
    """

    def __init__(
        self,
        http: HttpClient,
        url: str,
        journal: Journal,
        login: Callable[[], Awaitable[tuple[str, str]]],
        ask: Ask,
    ) -> None:
        """Take what gives name and password. Raises UpstreamFailure for a useless address."""
        self._http = http
        self._url = url
        self.client = self._at(url)
        self._journal = journal
        self._login = login
        self._ask = ask

    async def __call__(self) -> Entry:
        """Raises Trouble, XrpcError."""
        refresh = self._journal.secret("refresh")
        if refresh is not None:
            try:
                headers = {"Authorization": f"Bearer {refresh}"}
                nsid = "com.atproto.server.refreshSession"
                return self.keep(await self.client.procedure(nsid, headers=headers))
            except XrpcError as refusal:
                if refusal.status >= 500:
                    raise
        name, password = await self._login()
        return self.keep(await self._sign_in({"identifier": name, "password": password}))

    def keep(self, session: Any) -> Entry:
        """Keep what renews a session, and where the account lives."""
        self._journal.keep_secret(refresh=session["refreshJwt"])
        if self._journal.fact("endpoint") is None:
            self._journal.note(endpoint=_endpoint(session) or self._url)
        home = self._journal.fact("endpoint")
        elsewhere = None if home == self._url else self._at(home)
        return Entry(str(session["accessJwt"]), elsewhere)

    def _at(self, url: str) -> XrpcClient:
        return XrpcClient.outside(self._http, url, SECONDS_TO_ANSWER)

    async def _sign_in(self, fields: dict[str, str]) -> Any:
        try:
            return await self.client.procedure(_CREATE_SESSION, fields)
        except XrpcError as refusal:
            if refusal.status >= 500:
                raise Trouble(
                    f"{self._url} does not answer: {refusal.message}",
                    "a server of the protocol",
                    "see to its address and that it runs, then give the command again",
                ) from refusal
            if refusal.name != "AuthFactorTokenRequired":
                raise Trouble(
                    f"signing in as {fields['identifier']} failed: {refusal.message}",
                    "the account's own password (an app password may not move an account)",
                    "give the command again",
                ) from refusal
        code = await self._ask("The code of the second step")
        return await self.client.procedure(_CREATE_SESSION, {**fields, "authFactorToken": code})


def _endpoint(session: Any) -> str | None:
    """Give the server that the DID document of a session names, if there is one."""
    services = (session.get("didDoc") or {}).get("service") or ()
    named = [one for one in services if str(one.get("id")).endswith("#atproto_pds")]
    return str(named[0]["serviceEndpoint"]).rstrip("/") if named else None


def suitable_handle(wish: Wish, handle: str, old: Any, new: Any) -> str:
    """Choose a handle: as wished, one's own domain, or the same first name under the new one's."""
    if wish.handle:
        return wish.handle
    domains = new.get("availableUserDomains") or ()
    if not domains or _is_under(handle, domains):
        return handle
    if _is_under(handle, old.get("availableUserDomains") or ()):
        return f"{handle.partition('.')[0]}{domains[0]}"
    return handle


def _is_under(handle: str, domains: Sequence[str]) -> bool:
    """Tell whether a handle is one name in front of one of the domains."""
    ends = [domain for domain in domains if handle.endswith(domain)]
    return any("." not in handle.removesuffix(domain) for domain in ends)


def chosen_password(journal: Journal, wish: Wish) -> str:
    """Give the password for the new server; one made here is written down before it is used."""
    kept: str = journal.secret("password") or wish.password or secrets.token_urlsafe(12)
    journal.keep_secret(password=kept)
    return kept


async def account_here(operator: Operator, did: str) -> Any:
    """Give what is known here of an account; None if there is none."""
    try:
        return await operator.call("internal.hearth.pds.openSession", did=did)
    except XrpcError as refusal:
        if refusal.name != "AccountNotFound":
            raise
        return None


def arrived(found: Any, url: str) -> dict[str, Any]:
    """See that an account which is here already may be filled. Raises Trouble."""
    if found["active"]:
        raise Trouble(
            f"{found['handle']} is active here already",
            "no account, or one that is deactivated",
            "nothing has to be moved; to put an older state in its place, deactivate it first",
        )
    return {"handle": found["handle"], "server": url, "was": "here already"}


async def see_it_lives_at(ours: Server, did: str, url: str) -> None:
    """See that an account which is here already lives at the old server, as its identity says.

    That one might name anybody's account as the one that moves. Raises Trouble.
    """
    told = await ours.call("com.atproto.identity.refreshIdentity", identifier=did)
    home = _endpoint(told)
    if home != url.rstrip("/"):
        raise Trouble(
            f"{url} says that {did} moves, which is here already and lives at {home}",
            "an account that lives at the server it comes from",
            "see to the name of the account; if it is right, tell whoever runs that server",
        )


async def permit(source: Server, target_did: str) -> str:
    """Have the old server vouch for the member."""
    vouched = await source.query(
        "com.atproto.server.getServiceAuth", aud=target_did, lxm=CREATE_ACCOUNT
    )
    return str(vouched["token"])

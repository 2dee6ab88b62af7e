"""What the command line does to a running network: the operator's XRPC calls, and their words."""

import argparse
import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.base.typed_secrets import read_secret, warn_of_seen
from appliance.settings_groups import Paths
from appliance.upkeep.low_ports import DATA
from appliance.upkeep.operator_access import OperatorAccess
from appliance.upkeep.systemd import answers

Say = Callable[[str], None]

PAGE = 100
# Whoever gave a command would rather wait than give it again.
SECONDS_TO_ANSWER: Final = 60.0
_ANYWHERE_PUBLIC = OutboundPolicy()


class NotRunning(Exception):
    """No Hearth answers for this data folder."""


class NoSuchAccount(LookupError):
    """The network has no account of this name."""


class NotDone(Exception):
    """What was asked for cannot be done; the text says why."""


class Operator:
    """The operator's hands: a client of one role here that holds the operator token."""

    def __init__(
        self, role: XrpcClient, headers: dict[str, str], log: XrpcClient | None = None
    ) -> None:
        """`log` is the PDS, where it has to be told of what is done at another role."""
        self._role = role
        self._headers = headers
        self._log = log

    async def query(self, nsid: str, **params: Any) -> Any:
        """Ask the role as the operator."""
        return await self._role.query(nsid, params, self._headers)

    async def call(self, nsid: str, **fields: Any) -> Any:
        """Have the role do something as the operator."""
        answer = await self._role.procedure(nsid, fields or None, self._headers)
        if self._log is not None:
            act = {"method": nsid, "about": fields}
            await self._log.procedure("internal.hearth.pds.noteAct", act, self._headers)
        return answer

    async def order(self, nsid: str, **params: Any) -> Any:
        """Have the role do something that is said in the address."""
        return await self._role.procedure(nsid, None, self._headers, params)

    async def pages(self, nsid: str, name: str, **params: Any) -> AsyncIterator[Any]:
        """Give the items of a paged list, page by page."""
        cursor = None
        while True:
            page = await self.query(nsid, cursor=cursor, **params)
            for item in page[name]:
                yield item
            cursor = page.get("cursor")
            if not cursor:
                return

    async def sign_up(self, fields: dict[str, str]) -> Any:
        """Open an account as anybody would: this method takes no operator."""
        return await self._role.procedure("com.atproto.server.createAccount", fields)

    async def accounts(self) -> AsyncIterator[tuple[str, str, str]]:
        """Give handle, DID and state of every account, oldest first; those taken down as well."""
        cursor = None
        while True:
            page = await self.query("com.atproto.sync.listRepos", limit=PAGE, cursor=cursor)
            dids = [repo["did"] for repo in page["repos"]]
            if not dids:
                return
            found = await self.query("com.atproto.admin.getAccountInfos", dids=dids)
            handles = {info["did"]: info["handle"] for info in found["infos"]}
            for repo in page["repos"]:
                state = "active" if repo.get("active", True) else repo.get("status", "inactive")
                yield handles.get(repo["did"], "?"), repo["did"], state
            cursor = page.get("cursor")
            if not cursor:
                return

    async def did_of(self, who: str) -> str:
        """Turn a handle into a DID; a DID stays. Raises NoSuchAccount."""
        if who.startswith("did:"):
            return who
        async for handle, did, _ in self.accounts():
            if handle == who.lower():
                return did
        raise NoSuchAccount(f"nobody here is called {who}; see: hearth account list")


async def password_given(args: argparse.Namespace, name: str = "password") -> str:
    """Give the password that was chosen: in a file, when asked, or in the command; else none.

    Raises NotDone.
    """
    typed, place = getattr(args, name), getattr(args, f"{name}_file")
    option = f"--{name.replace('_', '-')}-file"
    if typed:
        warn_of_seen("a password", f"{option} FILE, or - to be asked")
    if not place:
        return str(typed or "")
    prompt = f"{name.replace('_', ' ').capitalize()}: "
    try:
        chosen = await asyncio.to_thread(read_secret, place, prompt)
    except (OSError, UnicodeError) as problem:
        raise NotDone(f"{option}: {problem}; nothing was changed") from problem
    if not chosen:
        raise NotDone("the password is empty; nothing was changed")
    return chosen


async def create(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Open an account; print its handle, DID and, when made here, its password."""
    chosen = await password_given(args)
    password = chosen or secrets.token_urlsafe(12)
    about = await operator.query("com.atproto.server.describeServer")
    fields = {"handle": args.handle, "password": password}
    fields["email"] = args.email or f"{args.handle.split('.')[0]}@{args.handle}"
    if args.did_web:
        account = await operator.call("internal.hearth.pds.openWebAccount", **fields)
    else:
        if about.get("inviteCodeRequired"):
            made = await operator.call("com.atproto.server.createInviteCode", useCount=1)
            fields["inviteCode"] = made["code"]
        account = await operator.sign_up(fields)
    say(f"{account['handle']}  {account['did']}")
    if not chosen:
        say(f"password: {password}")


async def show_all(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """List every account with its state."""
    async for handle, did, state in operator.accounts():
        say(f"{handle:40} {did:34} {state}")


async def invite(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Make an invite; print its link, or its code alone."""
    wish = {"uses": args.uses, "days": args.days, "note": args.note}
    given = {name: value for name, value in wish.items() if value is not None}
    made = await operator.call("internal.hearth.pds.createInvite", **given)
    say(made["url"] if args.link else made["code"])


async def reset_password(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Give an account a new password and end its sessions."""
    password = await password_given(args) or secrets.token_urlsafe(12)
    did = await operator.did_of(args.account)
    await operator.call("com.atproto.admin.updateAccountPassword", did=did, password=password)
    say(f"password: {password}")


async def take_down(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Hide an account and all it wrote, or show it again."""
    did = await operator.did_of(args.account)
    await operator.call(
        "com.atproto.admin.updateSubjectStatus",
        subject={"$type": "com.atproto.admin.defs#repoRef", "did": did},
        takedown={"applied": not args.undo},
    )
    say(f"{args.account} is {'visible again' if args.undo else 'taken down'}")


async def suspend(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Hide an account and all it wrote for some days."""
    did = await operator.did_of(args.account)
    given = {"reason": args.reason} if args.reason else {}
    await operator.call("internal.hearth.pds.suspendAccount", did=did, days=args.days, **given)
    say(f"{args.account} is suspended for {args.days} days")


async def bring_back(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Show an account again that was taken down."""
    args.undo = True
    await take_down(operator, args, say)


async def request_crawl(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Ask relays to follow this server."""
    relays = [name if "://" in name else f"https://{name}" for name in args.relay]
    answer = await operator.call("internal.hearth.pds.requestCrawl", relays=relays)
    for asked in answer["relays"]:
        failure = asked.get("failure")
        told = "was asked less than 20 minutes ago" if failure == "AskedLately" else failure
        say(f"{asked['relay']}  {told or 'was asked'}")
    if not answer["relays"]:
        raise NotDone("no relay is set; name one, or set pds.relays")
    if all(asked.get("failure", "AskedLately") != "AskedLately" for asked in answer["relays"]):
        raise NotDone("no relay has taken it up")


async def choose_app_view(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Tell which AppView an account uses, or choose one."""
    did = await operator.did_of(args.account)
    if args.choice is not None:
        await operator.call("internal.hearth.pds.setAppView", did=did, appView=args.choice)
    found = await operator.query("internal.hearth.pds.getAppView", did=did)
    say(found["appView"])


async def delete(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Delete an account for good."""
    did = await operator.did_of(args.account)
    await operator.call("com.atproto.admin.deleteAccount", did=did)
    say(f"{args.account} is deleted")


Action = Callable[[Operator, argparse.Namespace, Say], Awaitable[None]]


def run(action: Action, args: argparse.Namespace, say: Say, role: str = "pds") -> int:
    """Do one thing at a role of the network in `args.data`; return the exit status."""
    try:
        asyncio.run(_at_the_network(action, args, say, role))
    except (NotRunning, NoSuchAccount, NotDone) as problem:
        sys.stderr.write(f"hearth: {problem}\n")
        return 1
    except XrpcError as refusal:
        sys.stderr.write(f"hearth: refused ({refusal.name}): {refusal.message}\n")
        return 1
    return 0


async def _at_the_network(action: Action, args: argparse.Namespace, say: Say, role: str) -> None:
    async with at_the_network(args.data) as network:
        await action(network.operator(role), args, say)


@dataclass(frozen=True)
class Network:
    """A network that runs, and the way to it."""

    http: HttpClient
    paths: Paths
    headers: dict[str, str]

    def client(self, role: str) -> XrpcClient:
        return XrpcClient(self.http, self.paths.address(role), SECONDS_TO_ANSWER)

    def operator(self, role: str) -> Operator:
        log = None if role == "pds" else self.client("pds")
        return Operator(self.client(role), {**self.headers, "Hearth-Actor": "command"}, log)


@asynccontextmanager
async def at_the_network(
    data: str, policy: OutboundPolicy = _ANYWHERE_PUBLIC
) -> AsyncIterator[Network]:
    """Reach the network in a data folder. Raises NotRunning."""
    paths = Paths.of(data)
    headers = _operator_headers(paths)
    if not headers:
        raise NotRunning(
            f"{paths.data} holds no network yet; start it with: hearth run --data {paths.data}"
        )
    async with HttpClient.open(policy) as http:
        network = Network(http, paths, headers)
        try:
            await network.client("pds").query("_health")
        except XrpcError as problem:
            way = "systemctl start hearth" if paths.data == DATA else "hearth run or hearth try"
            seen = f"no Hearth answers for {paths.data}; start it with {way}"
            if await answers(http, paths.address("admin")):
                seen = (
                    f"the network in {paths.data} has no name yet;"
                    " begin with the link of: hearth claim"
                )
            raise NotRunning(seen) from problem
        yield network


async def ask_roles(paths: Paths) -> dict[str, dict[str, Any] | None]:
    """Ask every role that should run how it is; None for one that does not answer."""
    found: dict[str, dict[str, Any] | None] = {}
    async with HttpClient.open(OutboundPolicy()) as http:
        for name in ("directory", "neighbours", "pds", "relay", "labeler", "appview"):
            if name in ("directory", "neighbours") and not paths.socket(name).exists():
                continue  # a network that uses another directory, or pairs with none
            client = XrpcClient(http, paths.address(name))
            try:
                found[name] = await client.query(
                    "internal.hearth.upkeep.getStatus", headers=_operator_headers(paths)
                )
            except XrpcError:
                found[name] = None
    return found


def _operator_headers(paths: Paths) -> dict[str, str]:
    """Give the operator's credentials; none where no network was ever started."""
    token = paths.secret("operator-token")
    return {"Authorization": OperatorAccess(token).header} if token.exists() else {}

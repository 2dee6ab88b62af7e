"""What a command has at hand: the network here, its arguments, a journal, somebody to ask."""

import argparse
import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.atproto.crypto import InvalidKey, PrivateKey
from appliance.moving.courses import Desk
from appliance.moving.doors import OperatorDoor, Wish
from appliance.moving.identity import Identity, Parties, Powers
from appliance.moving.journal import Journal
from appliance.moving.progress import Progress
from appliance.moving.server import Server
from appliance.moving.trouble import Trouble, Waiting
from appliance.moving.vault import Vault
from appliance.operator import Network, Operator

Say = Callable[[str], None]


@dataclass(frozen=True)
class Scene:
    """The network here and the arguments of one command."""

    network: Network
    args: argparse.Namespace
    say: Say
    progress: Progress

    @property
    def operator(self) -> Operator:
        return self.network.operator("pds")

    @property
    def vault(self) -> Vault:
        return Vault(self.network.operator("appview"))

    @property
    def wish(self) -> Wish:
        args = self.args
        given = {name: getattr(args, name, None) or "" for name in ("handle", "email", "invite")}
        return Wish(**given, password=getattr(args, "new_password", None) or "")

    def ours(self, url: str, whose_it_is: Callable[[], str]) -> Server:
        """Give the server here, as the member whose DID is given."""
        return Server(self.network.client("pds"), url, OperatorDoor(self.operator, whose_it_is))


def path_of(text: str) -> Path:
    return Path(text).expanduser()


def stand_in(handle: str) -> str:
    """Make up an address for somebody who has none."""
    return f"{handle.partition('.')[0]}@{handle}"


def desk_of(scene: Scene, paper: Path, what: str, steps: Sequence[str]) -> Desk:
    return Desk(Journal(paper, what, steps), scene.progress)


def begin(desk: Desk, did: str, handle: str, peer: str = "") -> None:
    """Write down whose move this is, or see that it is the one that was begun. Raises Trouble."""
    for name, given in (("did", did), ("peer", peer)):
        kept = desk.journal.fact(name)
        if given and kept and kept != given:
            raise Trouble(
                f"{desk.journal.path} tells of {kept}",
                f"a move of {given}",
                "name another folder, or remove this one to begin anew",
            )
    facts = {"did": did or None, "handle": handle, "peer": peer or None}
    desk.journal.note(**{name: fact for name, fact in facts.items() if fact})
    known = desk.journal.fact("did")
    if known:
        desk.progress.about["did"] = known


def identity_of(scene: Scene, parties: Parties, desk: Desk) -> Identity:
    args = scene.args
    powers = Powers(asker(args), lambda: _given_code(args), _recovery_key(args.recovery_key))
    return Identity(parties, powers, desk.journal)


def _recovery_key(path: str | None) -> PrivateKey | None:
    if not path:
        return None
    try:
        return PrivateKey.parse(path_of(path).read_text("ascii").strip())
    except (OSError, UnicodeError, InvalidKey) as bad:
        raise Trouble(
            f"{path}: {bad}",
            "a file with the private key, as z... or in 64 hexadecimal digits",
            "name the file of the recovery key",
        ) from bad


async def own_url(scene: Scene) -> str:
    """Name this server as the world knows it."""
    about = await scene.network.client("pds").query("com.atproto.server.describeServer")
    host = str(about["did"]).removeprefix("did:web:").replace("%3A", ":")
    return f"{'http' if host.startswith('localhost') else 'https'}://{host}"


def _given_code(args: argparse.Namespace) -> str:
    """Give the code of the command line, once: a code is good for one use."""
    given, args.code = args.code or "", ""
    return str(given)


def asker(args: argparse.Namespace) -> Callable[[str], Awaitable[str]]:
    """Make what asks at the terminal; beside none it raises Waiting."""

    async def ask(what: str) -> str:
        given = _given_code(args)
        if given:
            return given
        if not sys.stdin.isatty():
            raise Waiting(what, "--code CODE", "give the command again with the code")
        return (await asyncio.to_thread(input, f"{what}: ")).strip()

    return ask


async def login_of(scene: Scene) -> tuple[str, str]:
    """Give name and password for the old server. Raises Waiting."""
    args = scene.args
    if args.password_file:
        try:
            return args.account, path_of(args.password_file).read_text("utf-8").strip()
        except OSError as bad:
            raise Trouble(str(bad), "a file with the password", "name the file") from bad
    if not sys.stdin.isatty():
        raise Waiting("no password for the old server", "--password-file FILE", "give one")
    prompt = f"Password of {args.account} at {args.peer}: "
    return args.account, await asyncio.to_thread(getpass.getpass, prompt)


def tell_keys(scene: Scene, desk: Desk) -> None:
    """Say which keys stay above ours: nobody but the member knows whether they are theirs."""
    kept = desk.journal.fact("keysKept") or ()
    for key in kept:
        scene.say(f"{key} can change this identity as well")
    if kept:
        scene.say(
            "If it is not the member's own recovery key, have them make one on their page "
            "/account, in place of all others"
        )


def tell_password(scene: Scene, desk: Desk, before: str) -> None:
    """Say the password that was made, also when the move has stopped after that."""
    kept = desk.journal.secret("password") or before
    if kept and not scene.wish.password and desk.journal.is_done("arrival"):
        scene.say(f"password at the new server: {kept}")

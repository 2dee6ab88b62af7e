"""The courses of moves: which steps, in which order, and what may be done again."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from appliance.moving.giving import Giving
from appliance.moving.identity import Identity
from appliance.moving.journal import Journal
from appliance.moving.progress import Progress
from appliance.moving.server import Server
from appliance.moving.taking import Taking
from appliance.moving.trouble import Trouble

TAKE: Final = ("account", "repo", "blobs", "preferences", "private")
GIVE: Final = ("arrival", "import", "upload", "settings")
EXPORT: Final = TAKE
IMPORT: Final = (*GIVE, "identity", "activate", "restore")
MOVE: Final = (*TAKE, *GIVE, "identity", "activate", "restore", "close")
MOST_CATCHING_UP: Final = 5

Seen = dict[str, Any]
Step = Callable[[], Awaitable[Seen]]


@dataclass(frozen=True)
class Desk:
    """What every course works with."""

    journal: Journal
    progress: Progress


async def follow(desk: Desk, steps: Sequence[tuple[str, Step]]) -> None:
    """Do what is not done yet, and write each step down when it is."""
    for name, step in steps:
        if not desk.journal.is_done(name):
            desk.journal.finish(name, await step())


def taking_steps(taking: Taking) -> list[tuple[str, Step]]:
    steps = (taking.account, taking.repo, taking.blobs, taking.preferences, taking.private)
    return list(zip(TAKE, steps, strict=True))


def giving_steps(giving: Giving, arrive: Step) -> list[tuple[str, Step]]:
    steps = (arrive, giving.repo, giving.blobs, giving.preferences)
    return list(zip(GIVE, steps, strict=True))


async def export(desk: Desk, taking: Taking) -> None:
    """Take everything out."""
    await follow(desk, taking_steps(taking))


async def bring_in(desk: Desk, giving: Giving, arrive: Step, identity: Identity) -> None:
    """Bring everything in, and open the account if its DID can be changed."""
    steps = giving_steps(giving, arrive)
    await follow(desk, steps)
    await follow(desk, [("identity", lambda: _turn(desk, identity, None)), *_opening(giving)])


async def move(
    desk: Desk,
    taking: Taking,
    giving: Giving,
    arrive: Step,
    ending: tuple[Identity, Server],
) -> None:
    """Move an account; `ending` is its identity, and the server where it is closed."""
    identity, source = ending
    await follow(desk, [*taking_steps(taking), *giving_steps(giving, arrive)])

    async def catch_up() -> None:
        await _catch_up(desk, taking, giving)

    async def close() -> Seen:
        return await _close(desk, source)

    await follow(
        desk,
        [
            ("identity", lambda: _turn(desk, identity, catch_up)),
            *_opening(giving),
            ("close", close),
        ],
    )


def _opening(giving: Giving) -> list[tuple[str, Step]]:
    return [("activate", giving.activate), ("restore", giving.private)]


async def _turn(
    desk: Desk, identity: Identity, catch_up: Callable[[], Awaitable[None]] | None
) -> Seen:
    """Pass the point of no return."""
    await desk.progress.begin("identity")
    if await identity.points_there():
        await desk.progress.end("the DID names the new server already")
        return {"was": "there already"}
    await identity.prepare()
    if catch_up is not None:
        await catch_up()
    await identity.submit()
    await desk.progress.begin("identity")
    await desk.progress.end("the DID names the new server: there is no way back but another move")
    return {"was": "changed"}


async def _catch_up(desk: Desk, taking: Taking, giving: Giving) -> None:
    """Bring over what was written at the old server while this was under way."""
    for _ in range(MOST_CATCHING_UP):
        if await taking.is_newest():
            return
        desk.journal.take_back("repo", "blobs", "import", "upload")
        again = (
            ("repo", taking.repo),
            ("blobs", taking.blobs),
            ("import", giving.repo),
            ("upload", giving.blobs),
        )
        await follow(desk, again)
    raise Trouble(
        "somebody goes on writing at the old server",
        "a pause of a few seconds",
        "have the member put the app away, then give the command again",
    )


async def _close(desk: Desk, source: Server) -> Seen:
    """Deactivate the account at the old server; it is not deleted."""
    await desk.progress.begin("close")
    session = await source.query("com.atproto.server.getSession")
    if session.get("active", True):
        await source.call("com.atproto.server.deactivateAccount", {})
    await desk.progress.end(f"the account is deactivated at {source.url}")
    return {"server": source.url}

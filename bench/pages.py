"""What is measured of the AppView: pages as an app asks for them, through the PDS."""

import itertools
from collections.abc import Awaitable, Callable

from bench.cases import Case
from bench.load import Figures, closed_loop
from bench.machine import settle
from bench.target import POST, Target, key

Params = Callable[[str], dict[str, object]]


def _post_of(did: str) -> str:
    """Name a post of the society; everyone has as many."""
    return f"at://{did}/{POST}/{key(7)}"


_PAGES: dict[str, tuple[str, Params]] = {
    "timeline": ("app.bsky.feed.getTimeline", lambda _: {"limit": 50}),
    "author_feed": ("app.bsky.feed.getAuthorFeed", lambda did: {"actor": did, "limit": 50}),
    "thread": ("app.bsky.unspecced.getPostThreadV2", lambda did: {"anchor": _post_of(did)}),
    "profile": ("app.bsky.actor.getProfile", lambda did: {"actor": did}),
    "notifications": ("app.bsky.notification.listNotifications", lambda _: {"limit": 50}),
    "search": ("app.bsky.feed.searchPosts", lambda _: {"q": "quick brown fox", "limit": 25}),
}


async def page(
    target: Target, seconds: float, nsid: str, params: Params, connections: int
) -> Figures:
    people = await target.society()
    await settle(target.pid)
    calls = [
        (target.address(nsid, **params(people[(at + 1) % len(people)].did)), account.headers)
        for at, account in enumerate(people)
    ]
    turn = itertools.cycle(calls)

    async def one(_: int) -> None:
        url, headers = next(turn)
        await target.get(url, headers)

    return await closed_loop(target.pid, connections, seconds, one, unit="pages/s")


def cases() -> dict[str, Case]:
    """Give the cases by name."""
    found: dict[str, Case] = {}

    def add(name: str, run: Callable[..., Awaitable[Figures]], *values: object) -> None:
        found[name] = lambda target, seconds: run(target, seconds, *values)

    for name, (nsid, params) in _PAGES.items():
        for connections in (1, 8):
            add(f"{name} conc={connections}", page, nsid, params, connections)
    return found

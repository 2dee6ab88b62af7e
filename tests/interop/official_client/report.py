"""The page that says what worked, screen by screen."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tests.interop.official_client.visit import Screen

PAGE: Final = Path(__file__).parents[3] / "docs" / "conformance-client.md"

# What is asked on at least this share of the screens is said once.
OFTEN: Final = 0.5
_SHORT: Final = (("app.bsky.", "a.b."), ("com.atproto.", "c.a."), ("chat.bsky.", "c.b."))

_HEAD: Final = """\
# The official web client before a Hearth

The static export of bluesky-social/social-app 1.126.0 (commit `dd452a433`, not a source line
changed) is served by the appliance, and driven in headless Chromium for which no name leads
anywhere but to this machine. Handles end in `.smith.home`. Nobody but the appliance answers what
the client asks; other members act by XRPC calls of their own. Appliance and browser run in a
network namespace that has a loopback, an address as at home, and nothing beyond. A screen counts as
working if what the table names was seen on it, no text on it tells of trouble, and nothing turns
that waits. Made by

    python -m tests.interop.official_client FOLDER --write

where FOLDER holds the export, which is not part of this repository:
`tests/interop/official_client/README.md` says how it is built. `--shots DIR` keeps a
picture of every screen.

{screens} screens, {worked} of which worked; {calls} calls of {methods} methods.

{failed}## What is refused, and rightly

{refused}

## What the client wanted from elsewhere

{outside}

## What browser and client complained of

{complaints}

## Screen by screen

`a.b.` is `app.bsky.`, `c.a.` is `com.atproto.`, `c.b.` is `chat.bsky.`. Left out is what is asked
whenever a page is loaded: {often}.

| screen | what is done | what is seen | asked, and how often; the status if it is not 200 |
|---|---|---|---|
"""

ENDED: Final = "another password has ended the session, which the client is about to hear"

_WHY: Final = {
    "com.atproto.repo.getRecord (chat.bsky.actor.declaration)": "the member has written none",
    "com.atproto.repo.getRecord (app.bsky.notification.declaration)": "the member has not chosen",
    "com.atproto.repo.getRecord (app.bsky.actor.profile)": "a new member has written none",
    "com.atproto.repo.getRecord (app.bsky.feed.threadgate)": "the post has none yet",
    "com.atproto.repo.getRecord (app.bsky.feed.postgate)": "the post has none yet",
    "com.atproto.server.createSession": "the code that is mailed is asked for",
    "com.atproto.server.refreshSession": "the account is deleted, or has another password now",
    "app.bsky.notification.listNotifications": ENDED,
    "chat.bsky.convo.getLog": ENDED,
    "com.atproto.identity.resolveHandle": "the handle is free, which is what was asked",
    "app.bsky.actor.getProfile": "the account is deactivated, or has gone",
    "app.bsky.feed.getAuthorFeed": "the account is blocked",
    "app.bsky.feed.getFeed": "who has not signed in reads nothing, as the owner has it",
    "app.bsky.feed.getFeedGenerator": "a feed of Bluesky's own, which new members are given by"
    " the client, and which is not on this network",
}


# Of what differs between runs: ports and accounts.
_CHANGES: Final = re.compile(r"http://[\w.]+:\d+|did:plc:\w+(/\w+)?")
_WHY_COMPLAINED: Final = {
    "/static/style.css": "the page of the export names it, and the export does not hold it",
    "/setup/reach/seen": "the network begins, and the wizard's page loads itself anew until it has",
    "Token has been revoked": "another password has ended the session",
    "Cross-Origin-Opener-Policy": "browsers heed this header on HTTPS only, and at home is none",
}


def page(screens: Sequence[Screen]) -> str:
    """Write the page."""
    often = _often(screens)
    calls = sum((screen.calls for screen in screens), Counter[tuple[str, int]]())
    failed = [f"- {screen.name}: {screen.failure}" for screen in screens if screen.failure]
    head = _HEAD.format(
        screens=len(screens),
        worked=len(screens) - len(failed),
        calls=calls.total(),
        methods=len({_nsid(call) for call, _ in calls}),
        failed="## What did not work\n\n" + "\n".join(failed) + "\n\n" if failed else "",
        refused=_lines(
            f"`{call}` {status}: {_WHY.get(call, 'no reason is known')}"
            for call, status in sorted(calls)
            if status >= 400
        ),
        outside=_lines(
            f"{host}, {count} times"
            for host, count in sorted(_summed(screen.outside for screen in screens).items())
        ),
        complaints=_lines(
            f"{text}, {count} times: {_why(text)}"
            for text, count in sorted(_summed(screen.complaints for screen in screens).items())
        ),
        often=", ".join(f"`{_short(call)}`" for call in sorted(often)),
    )
    return head + "".join(_row(screen, often) for screen in screens)


def _often(screens: Sequence[Screen]) -> set[str]:
    seen = Counter(call for screen in screens for call in {call for call, _ in screen.calls})
    return {call for call, count in seen.items() if count >= OFTEN * len(screens)}


def _row(screen: Screen, often: set[str]) -> str:
    told = []
    for (call, status), count in sorted(screen.calls.items()):
        if call in often:
            continue
        times = f" x{count}" if count > 1 else ""
        told.append(f"`{_short(call)}`{times}{f' {status}' if status != 200 else ''}")
    seen = ", ".join(dict.fromkeys(_CHANGES.sub("...", text) for text in screen.seen))
    cells = (screen.name, screen.done, f"**{screen.failure}**" if screen.failure else seen)
    return f"| {' | '.join(cells)} | {', '.join(told)} |\n"


def _summed(counters: Iterable[Counter[str]]) -> Counter[str]:
    """Add up; ports differ between runs."""
    total: Counter[str] = Counter()
    for counter in counters:
        for text, count in counter.items():
            total[_CHANGES.sub("...", text)] += count
    return total


def _why(complaint: str) -> str:
    known = (why for part, why in _WHY_COMPLAINED.items() if part in complaint)
    return next(known, "no reason is known")


def _lines(told: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in told) or "Nothing."


def _nsid(call: str) -> str:
    return call.partition(" ")[0]


def _short(call: str) -> str:
    for long, short in _SHORT:
        if call.startswith(long):
            return short + call.removeprefix(long)
    return call

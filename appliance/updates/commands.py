"""`hearth update`: is there a new release, install it, wait with it."""

import argparse
import asyncio
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from appliance.backup.engine import BackupFailed
from appliance.backup.take import take
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.settings import Settings, load
from appliance.settings_groups import Paths
from appliance.updates.archives import BadArchive
from appliance.updates.channel import BadChannel, Release
from appliance.updates.desk import Desk, NotReady
from appliance.updates.installation import FOLDER, WANTED, Installation
from appliance.updates.schedule import what_is_due
from appliance.updates.signatures import NotSigned
from appliance.upkeep.standing_by import is_taken_up
from appliance.upkeep.update_journal import DAY, Answer, Known, Wish, take_up
from appliance.version import VERSION

Say = Callable[[str], None]

LOCK: Final = "updates.lock"
IN_HAND: Final = "something is due, and the running network has it in hand"
MOST_SECONDS: Final = 3600.0
LOOK_SECONDS: Final = 0.5


class UnderWay(Exception):
    """Somebody else looks for a release, or fetches one."""


def run(args: argparse.Namespace, say: Say, installation: Installation | None = None) -> int:
    """Do one of them; return the exit status. Raises InvalidSettings."""
    settings = load(Paths.of(args.data).data, os.environ)
    if not settings.paths.data.is_dir():
        return _fail(f"there is no network in {settings.paths.data}")
    try:
        with _alone(args.action, settings.paths.data):
            return _ACTIONS[args.action](args, settings, installation or Installation(), say)
    except BackupFailed as problem:
        return _fail(f"nothing was changed: no backup before it: {problem.seen}; {problem.remedy}")
    except (BadChannel, BadArchive, NotSigned, NotReady, UnderWay, OSError) as problem:
        return _fail(f"nothing was changed: {problem}")


@contextmanager
def _alone(action: str, data: Path) -> Iterator[None]:
    """Be the only one who looks or fetches. Raises UnderWay."""
    if action not in ("check", "now"):
        yield
        return
    with (data / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise UnderWay("a release is being looked for or fetched already") from taken
        yield


def _check(
    args: argparse.Namespace, settings: Settings, installation: Installation, say: Say
) -> int:
    found = asyncio.run(_look(settings, installation))
    if found is None:
        say(f"this is {VERSION}; the channel has nothing newer")
        return 0
    say(f"{found.version} of {found.date} is there; this is {VERSION}\n")
    say(found.changes)
    return 0


def _now(args: argparse.Namespace, settings: Settings, installation: Installation, say: Say) -> int:
    found = asyncio.run(_look(settings, installation))
    if found is None:
        say(f"this is {VERSION}; the channel has nothing newer")
        return 0
    if settings.backup.target and not args.without_backup:
        say(f"a backup is taken before {found.version}")
        take(settings, lambda _what, _share: None)
    began = time.time()
    asyncio.run(_bring(settings, installation, found, say))
    if args.no_wait:
        return 0
    say(f"{found.version} is handed over; it has to answer, or {VERSION} comes back")
    return _tell(_answer(installation, began), found, say)


def _due(args: argparse.Namespace, settings: Settings, installation: Installation, say: Say) -> int:
    """Do what is due and nobody else does, or say in a line why nothing is done."""
    status = _step(args, settings, installation, say)
    # What the look has found may be due as well.
    return _step(args, settings, installation, say) or 0 if status is None else status


def _step(
    args: argparse.Namespace, settings: Settings, installation: Installation, say: Say
) -> int | None:
    """Do it, and return its status; None after a look that went well."""
    data = settings.paths.data
    known = Known.read(data)
    looked = _without_cut_off(known, data, installation)
    action, reason = what_is_due(settings, looked, installation, time.time())
    if not action:
        say(reason)
        return 0
    if is_taken_up(settings, partial(_is_under_way, data, known)):
        say(IN_HAND)
        return 0
    args.no_wait, args.without_backup = True, False
    try:
        with _alone(action, data):
            take_up(data)
            status = _ACTIONS[action](args, settings, installation, say)
    except UnderWay as problem:
        say(str(problem))
        return 0
    return None if action == "check" and status == 0 else status


def _is_under_way(data: Path, known: Known) -> bool:
    """Tell whether somebody looks or fetches, or has done so since."""
    try:
        with _alone("check", data):
            return Known.read(data) != known
    except UnderWay:
        return True


def _without_cut_off(known: Known, data: Path, installation: Installation) -> Known:
    """Leave out a try that came to no end: neither failed, nor waiting for root, nor answered."""
    waits = (data / FOLDER / WANTED).exists()
    ended = known.tried_failure or waits or Answer.read(installation.answer).at >= known.tried_at
    return known if ended else replace(known, tried="")


def _hold(
    args: argparse.Namespace, settings: Settings, installation: Installation, say: Say
) -> int:
    until = -1.0 if args.days is None else time.time() + args.days * DAY
    Wish.read(settings.paths.data).note(settings.paths.data, held_until=until)
    how_long = "until `hearth update resume`" if args.days is None else f"for {args.days} days"
    say(f"no release is installed by itself {how_long}")
    return 0


def _resume(
    args: argparse.Namespace, settings: Settings, installation: Installation, say: Say
) -> int:
    Wish.read(settings.paths.data).note(settings.paths.data, held_until=0.0)
    by_itself = settings.update.channel and settings.update.automatic
    say("new releases are installed by themselves" if by_itself else "new releases wait for you")
    return 0


async def _look(settings: Settings, installation: Installation) -> Release | None:
    async with HttpClient.open(_policy(settings)) as http:
        return await Desk(settings, http, installation).look()


async def _bring(
    settings: Settings, installation: Installation, release: Release, say: Say
) -> None:
    async with HttpClient.open(_policy(settings)) as http:
        await Desk(settings, http, installation).bring(release, lambda what, _: say(what))


def _policy(settings: Settings) -> OutboundPolicy:
    return OutboundPolicy(allow_loopback=settings.dev.allow_loopback)


def _answer(installation: Installation, began: float) -> Answer:
    """Wait for what root says."""
    until = time.monotonic() + MOST_SECONDS
    while time.monotonic() < until:
        answer = Answer.read(installation.answer)
        if answer.at >= began:
            return answer
        time.sleep(LOOK_SECONDS)
    return Answer()


def _tell(answer: Answer, release: Release, say: Say) -> int:
    if answer.state == "installed":
        say(f"{release.version} answers; /opt/hearth/current/install.sh rollback goes back")
        return 0
    if answer.state:
        return _fail(f"{release.version} was not kept: {answer.reason}")
    return _fail("nobody took the release; see: systemctl status hearth-update.path")


def _fail(text: str) -> int:
    sys.stderr.write(f"hearth: {text}\n")
    return 1


_ACTIONS: Final = {"check": _check, "now": _now, "due": _due, "hold": _hold, "resume": _resume}

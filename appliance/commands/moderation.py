"""`hearth moderate`: reports, what is taken down, the rules of the house, the log; in words."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from appliance.operator import Action, NotDone, Operator, Say

PDS: Final = "internal.hearth.pds"
PAGE: Final = 100


async def show_reports(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """List the reports that wait, or all."""
    wanted = {"onlyOpen": not args.all, "limit": PAGE}
    async for one in operator.pages(f"{PDS}.listReports", "reports", **wanted):
        subject = one["subject"]
        kind = one["reasonType"].rpartition("#")[2].removeprefix("reason")
        state = f"closed: {one.get('note', '')}".rstrip() if "closedAt" in one else "open"
        say(f"{one['id']:5} {one['createdAt'][:16]} {kind:12} {state}")
        say(f"      {subject.get('uri') or subject['did']}  reported by {one['reportedBy']}")
        if one.get("reason"):
            say(f"      {one['reason']}")


async def close(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Close a report."""
    await operator.call(f"{PDS}.closeReport", id=args.number, note=args.note)
    say(f"report {args.number} is closed")


async def take_down(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Hide a record or a picture from everybody."""
    await _set_takedown(operator, args, applied=True)
    say(f"{args.subject} is taken down")


async def restore(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Show a record or a picture again."""
    await _set_takedown(operator, args, applied=False)
    say(f"{args.subject} is shown again")


async def mute(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Listen to a reporter no more."""
    did = await operator.did_of(args.account)
    await operator.call(f"{PDS}.muteReporter", did=did, muted=True)
    say(f"reports of {args.account} are closed as they come")


async def unmute(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Listen to a reporter again."""
    did = await operator.did_of(args.account)
    await operator.call(f"{PDS}.muteReporter", did=did, muted=False)
    say(f"reports of {args.account} are shown again")


async def show_log(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """List the newest acts of the operator."""
    wish = {"actor": args.by, "about": args.about}
    given = {name: text for name, text in wish.items() if text}
    found = await operator.query(f"{PDS}.listActs", limit=args.last, **given)
    for one in found["acts"]:
        about = "  ".join(f"{name}={value}" for name, value in one["about"].items())
        say(f"{one['at'][:19]}  {one['actor']:8} {one['method']}  {about}".rstrip())


async def texts(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Print the rules of the house, or the word of welcome, or take it from a file.

    Raises NotDone.
    """
    if args.file is None:
        say((await operator.query(f"{PDS}.getHouseTexts"))[args.action])
        return
    text = _read(args.file)
    await operator.call(f"{PDS}.putHouseTexts", **{args.action: text})
    say(f"the {args.action} {'are' if args.action == 'rules' else 'is'} written")


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as problem:
        raise NotDone(f"{file} cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise NotDone(f"{file} is no text in UTF-8") from problem


async def _set_takedown(operator: Operator, args: argparse.Namespace, *, applied: bool) -> None:
    takedown: dict[str, Any] = {"applied": applied}
    if applied and args.reason:
        takedown["ref"] = args.reason
    uri, _, cid = args.subject.partition("#")
    if cid:
        did = uri.removeprefix("at://").partition("/")[0]
        kind = "com.atproto.admin.defs#repoBlobRef"
        subject: dict[str, str] = {"$type": kind, "did": did, "cid": cid}
    else:
        known = await operator.query("com.atproto.admin.getSubjectStatus", uri=uri)
        subject = known["subject"]
    method = "com.atproto.admin.updateSubjectStatus"
    await operator.call(method, subject=subject, takedown=takedown)


ACTIONS: Final[Mapping[str, Action]] = {
    "reports": show_reports,
    "close": close,
    "takedown": take_down,
    "restore": restore,
    "mute": mute,
    "unmute": unmute,
    "log": show_log,
    "rules": texts,
    "welcome": texts,
}

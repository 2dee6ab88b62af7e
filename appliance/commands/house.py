"""`hearth account`, further: invites, letters, second steps, who keeps how much; in words."""

import argparse
from collections.abc import Mapping
from typing import Final

from appliance.operator import Action, NotDone, Operator, Say

PDS: Final = "internal.hearth.pds"
PAGE: Final = 100


async def show_invites(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """List invites, the newest first."""
    async for one in operator.pages(f"{PDS}.listInvites", "invites", limit=PAGE):
        state = "open" if one["isOpen"] else "closed"
        used = f"{len(one['usedBy'])} of {one['uses']} used"
        say(f"{one['code']:32} {state:7} {used:14} {one['note']}".rstrip())


async def close_invite(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Let nobody join with an invite any more. Raises NotDone."""
    invites = operator.pages(f"{PDS}.listInvites", "invites", limit=PAGE)
    if args.code not in [one["code"] async for one in invites]:
        raise NotDone(f"no invite is called {args.code}; see: hearth account invites")
    await operator.call("com.atproto.admin.disableInviteCodes", codes=[args.code])
    say(f"nobody joins with {args.code} any more")


async def show_kept_names(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """List names that are kept for those who moved away with their did:web."""
    async for one in operator.pages(f"{PDS}.listKeptNames", "names", limit=PAGE):
        here = "  (their account is still here)" if one["isHere"] else ""
        say(f"{one['handle']:32} {one['did']}  lives at {one['endpoint']}{here}")


async def free_name(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Let others have a kept name; asks for --yes, since an identity ends with it.

    Raises NotDone.
    """
    kept = operator.pages(f"{PDS}.listKeptNames", "names", limit=PAGE)
    if args.did not in [one["did"] async for one in kept]:
        raise NotDone(f"no name is kept for {args.did}; see: hearth account kept-names")
    if not args.yes:
        say(
            f"Nothing was done. {args.did} lives elsewhere by the document that is served from"
            " here. Without it, nobody finds the account any more, and it cannot prove who it is:"
            " it is lost to its owner unless they moved on. The identity is never given again."
            " Give --yes if that is what you want."
        )
        return
    await operator.call(f"{PDS}.freeKeptName", did=args.did)
    say(f"{args.did} has ended; its name can be given to others")


async def show_mail(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Print the newest letters to members, such as wait to be handed over."""
    for mail in (await operator.query(f"{PDS}.listMail", limit=args.last))["mails"]:
        state = mail.get("failure") or ("sent" if "sentAt" in mail else "waits")
        say(f"{mail['createdAt'][:16]} {mail['recipient']} ({state}): {mail['subject']}")
        say("    " + mail["body"].strip().replace("\n", "\n    "))


async def show_storage(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Tell what fills the disk, and who keeps most."""
    figures = (await operator.query(f"{PDS}.listFigures", days=2))["figures"]
    newest = {one["name"]: one["value"] for one in figures}
    for name, value in newest.items():
        if name.startswith("bytes."):
            say(f"{value:16,} bytes  {name.removeprefix('bytes.')}")
    for one in (await operator.query(f"{PDS}.listStorage", limit=PAGE))["accounts"]:
        who = one.get("handle", one["did"])
        videos = f", {one['videoBytes']:,} of them videos" if one["videoBytes"] else ""
        say(
            f"{one['recordBytes'] + one['bytes']:16,} bytes  {who}:"
            f" {one['records']:,} records {one['recordBytes']:,},"
            f" {one['blobs']:,} files {one['bytes']:,}{videos}"
        )


async def remove_second_steps(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Let a member's password do alone, who has lost phone and recovery codes."""
    did = await operator.did_of(args.account)
    await operator.call(f"{PDS}.removeSecondSteps", did=did)
    say(f"the password of {args.account} does alone; a letter tells them")


ACTIONS: Final[Mapping[str, Action]] = {
    "invites": show_invites,
    "close-invite": close_invite,
    "kept-names": show_kept_names,
    "free-name": free_name,
    "mail": show_mail,
    "storage": show_storage,
    "remove-second-steps": remove_second_steps,
}

"""What can be typed after `hearth`: commands, their arguments and their help."""

import argparse
from collections.abc import Callable
from typing import Final

from appliance.commands import network_parser
from appliance.commands.network_parser import add_data as _add_data
from appliance.commands.network_parser import sentence
from appliance.roles import ROLES
from appliance.version import VERSION

EPILOG: Final = """\
examples:
  hearth try                              a whole network on this computer, for a first look
  hearth run --data /var/lib/hearth       what a service manager starts
  hearth account create ann.smith.home    a new member; prints a password for her
  hearth account invite --uses 5          a code that lets five people join
  hearth checkup                          what is well, what is not, and what to do about it
"""
TRY: Final = """\
Run a whole network (PDS, relay, AppView, did:plc directory, panel) on this computer only, in
development mode: handles end in .test, addresses are http://localhost. It prints a link to begin
with, keeps everything in ./hearth-data, and stops with Ctrl-C."""
ACCOUNT: Final = """\
Look after the members of a running network. What these commands do, the panel does too."""
RELAY: Final = """\
Look after the hosts that the relay of a running network follows, and after what they sent."""
ADOPT: Final = """\
Take over the data folder of a reference PDS (Bluesky's own): the same DIDs, keys, passwords, app
passwords, sessions, invite codes, records and pictures, and its settings from pds.env. Stop it
first. The folder is only read; cut off, this goes on where it was."""
PUBLISH: Final = """\
Give a network that was at home a name the world can find it by: its identities are handed to the
public did:plc directory and name the new address, handles end in the new name, relays are asked to
follow. DIDs, posts and followers stay. Cut off, it goes on by itself."""
BACKUP: Final = """\
Save everything (accounts, keys, records, pictures, settings, members' private data), encrypted, at
the place that the setting backup.target names. The network goes on meanwhile. Only what is new is
stored; seven daily, four weekly and six monthly backups are kept."""
RESTORE: Final = """\
Bring a network back from its backup into an empty data folder: the same accounts, keys, logins,
records and pictures. Everything is verified first; what cannot be verified is not brought back."""
UPDATE: Final = """\
Look for new releases in the channel that the setting update.channel names, and install them. A new
release has to answer; if it does not, the one before comes back, with the data as it was."""
CHECKUP: Final = """\
Look everything over: the data folder, the clock, every database, every part of the running
network. Ends with status 0 when all is well, 1 when something is wrong. With --mend, records and
pictures that are damaged on the disk are looked for in our own logs and at other servers first, and
put back where the bytes are exactly those that were signed."""
HEALTH: Final = """\
Ask every part of the network that should run whether it answers. Ends with status 0 when all do."""
CLAIM: Final = """\
Print the link, and its picture for a phone, with which the owner of a new network begins. Ends with
status 1 where there is an owner already."""
MOVES: Final = ("export", "import", "move-in", "move-out")
SETTINGS: Final = """\
List the settings, those that were changed with a star; tell one; or write one, which holds from the
next start. What each means is in the settings file."""
SUPPORT: Final = """\
Write versions, settings, the state of every part and the last lines of the log to a ZIP file, for
somebody who helps you. Members, addresses and secrets are replaced."""
SHEET: Final = """\
Print the recovery sheet: the key that stands in the identities of this network's members, as words
to be kept on paper. With --restore, type the words in before the first start of a network built
anew."""


def parser() -> argparse.ArgumentParser:
    """Make the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="hearth",
        description="A social network of your own, on the AT Protocol.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"hearth {VERSION}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands.add_parser("run", help="run the network", description="Run the network."))
    _add_try(commands.add_parser("try", help="run it on this computer only", description=TRY))
    account = commands.add_parser("account", help="look after members", description=ACCOUNT)
    _add_account(account)
    _add_relay(commands.add_parser("relay", help="look after other hosts", description=RELAY))
    label = commands.add_parser(
        "label", help="say what to hide or warn of", description=network_parser.LABEL
    )
    network_parser.add_label(label)
    feed = commands.add_parser("feed", help="offer feeds", description=network_parser.FEED)
    network_parser.add_feed(feed)
    moderate = commands.add_parser(
        "moderate", help="look after reports", description=network_parser.MODERATE
    )
    network_parser.add_moderate(moderate)
    guardian = commands.add_parser(
        "guardian", help="look after children", description=network_parser.GUARDIAN
    )
    network_parser.add_guardian(guardian)
    neighbours = commands.add_parser(
        "neighbours", help="pair with other Hearths at home", description=network_parser.NEIGHBOURS
    )
    network_parser.add_neighbours(neighbours)
    https = commands.add_parser("https", help="certificates", description=network_parser.HTTPS)
    network_parser.add_https(https)
    adopt = commands.add_parser("adopt", help="take over a reference PDS", description=ADOPT)
    adopt.add_argument("folder", metavar="DIR", help="its data folder, such as /pds")
    _add_data(adopt)
    _add_publish(commands.add_parser("publish", help="give it a public name", description=PUBLISH))
    _add_backup(commands.add_parser("backup", help="keep it safe", description=BACKUP))
    _add_restore(commands.add_parser("restore", help="bring a backup back", description=RESTORE))
    _add_update(commands.add_parser("update", help="install new releases", description=UPDATE))
    checkup = commands.add_parser("checkup", help="look everything over", description=CHECKUP)
    checkup.add_argument("--json", action="store_true", help="tell it for programs")
    checkup.add_argument("--mend", action="store_true", help="have again what is damaged")
    checkup.add_argument(
        "--from", dest="place", default="", metavar="URL", help="ask this server for it as well"
    )
    _add_data(checkup)
    for name, help_text, text in (
        ("health", "ask whether all of it answers", HEALTH),
        ("claim", "print the link to begin with", CLAIM),
    ):
        _add_data(commands.add_parser(name, help=help_text, description=text))
    settings = commands.add_parser("settings", help="how it is set", description=SETTINGS)
    settings.add_argument("name", nargs="?", help="one of them, such as pds.blob_quota")
    settings.add_argument("value", nargs="*", help="what it is to be; several for a list")
    _add_data(settings)
    bundle = commands.add_parser(
        "support-bundle", help="what helps somebody to help you", description=SUPPORT
    )
    bundle.add_argument("file", nargs="?", default="hearth-support.zip", help="(%(default)s)")
    _add_data(bundle)
    sheet = commands.add_parser("sheet", help="the network's key on paper", description=SHEET)
    sheet.add_argument("--restore", action="store_true", help="read the words from standard input")
    _add_data(sheet)
    return top


def _add_run(command: argparse.ArgumentParser) -> None:
    _add_data(command)
    command.add_argument(
        "--json-logs", action="store_true", help="write the log as JSON, a line each"
    )
    command.add_argument(
        "--role",
        action="append",
        default=[],
        choices=ROLES,
        help="run this part only, and others like it beside; may be given several times",
    )


def _add_try(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    where = command.add_mutually_exclusive_group()
    where.add_argument("--data", metavar="DIR", help="keep everything here (./hearth-data)")
    where.add_argument("--temp", action="store_true", help="keep nothing: a folder removed at exit")
    add("--port", type=int, metavar="N", help="the PDS's port, the others follow; 0: free ones")
    add("--plc", metavar="URL", help="use this did:plc directory instead of the one inside")
    add("--crawl", metavar="URL", action="append", default=[], help="a PDS the relay follows")
    add("--invites", action="store_true", help="ask for an invite code at sign-up")
    add("--limits", action="store_true", help="limit the rate of requests, as in service")
    add("--smtp", metavar="URL", help="send mail through this server")
    add("--client", metavar="DIR", help="serve the web client whose static export is in DIR")
    add("--appview", metavar="URL", help="pass app.bsky.* on to this AppView")
    add("--appview-did", metavar="DID", help="the DID of that AppView")
    add(
        "--handle-domain",
        metavar=".NAME",
        action="append",
        help="what handles end in (.test); may be given again",
    )
    add("--admin-password", metavar="X", help="the password of the operator's API")
    add("--bare", action="store_true", help="without an account, labels and feeds of its own")
    add("--json", action="store_true", help="print one line of JSON when everything answers")


def _add_account(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, help_text: str, *, account: bool = True) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=help_text, description=sentence(help_text))
        if account:
            action.add_argument("account", help="a handle or a DID")
        _add_data(action)
        return action

    create = add("create", "open an account", account=False)
    create.add_argument("handle", help="such as ann.smith.home")
    create.add_argument("--email", help="an address, if there is one")
    _add_password(create)
    create.add_argument(
        "--did-web", action="store_true", help="its identity is its name, and ends with the domain"
    )
    add("list", "list every account with its state", account=False)
    for name in ("invite", "create-invite-code"):
        invite = add(name, "make an invite code", account=False)
        invite.add_argument("--uses", type=int, default=1, help="how many may join with it (1)")
        invite.add_argument("--days", type=int, help="how long it stays open; left out: for ever")
        invite.add_argument("--note", help="whom it is for; only you see it")
        invite.add_argument("--link", action="store_true", help="print a link, not the code alone")
    add("invites", "list invites, the newest first", account=False)
    close = add("close-invite", "let nobody join with an invite any more", account=False)
    close.add_argument("code")
    add("kept-names", "list names kept for who moved away with a did:web", account=False)
    free = add("free-name", "let others have such a name, ending the identity", account=False)
    free.add_argument("did", help="the did:web that kept-names tells")
    free.add_argument("--yes", action="store_true", help="do it; else only what it means is told")
    mail = add("mail", "print the newest letters to members", account=False)
    mail.add_argument("--last", type=int, default=20, metavar="N", help="how many (20)")
    add("storage", "tell what fills the disk, and who keeps most", account=False)
    add("remove-second-steps", "let a password do alone, for who lost phone and codes")
    reset = add("reset-password", "give an account a new password and end its sessions")
    _add_password(reset)
    takedown = add("takedown", "hide an account and all it wrote")
    takedown.add_argument("--undo", action="store_true", help="show it again")
    suspend = add("suspend", "hide an account and all it wrote for some days")
    suspend.add_argument("--days", type=int, default=7, help="how many (7)")
    suspend.add_argument("--reason", help="for yourself and those after you")
    add("untakedown", "show an account again that was taken down or suspended")
    appview = add("appview", "tell which AppView an account uses, or choose one")
    appview.add_argument("choice", nargs="?", help="server, local, any, or DID#service")
    add("delete", "delete an account for good")
    _add_moves(add)
    crawl = add("request-crawl", "ask relays to follow this server", account=False)
    crawl.add_argument("relay", nargs="*", help="such as bsky.network (those in the settings)")


def _add_password(action: argparse.ArgumentParser) -> None:
    ways = action.add_mutually_exclusive_group()
    ways.add_argument(
        "--password-file",
        metavar="FILE",
        help="a file with one of your choice, - to be asked; else one is made and printed",
    )
    ways.add_argument("--password", help="the same in the command, where others may see it")


def _add_moves(add: Callable[..., argparse.ArgumentParser]) -> None:
    out = add("export", "take everything of an account out, into a folder or a .zip file")
    come = add("import", "bring an account in from a folder or a .zip file", account=False)
    for action in (out, come):
        action.add_argument("where", metavar="DIR|FILE", help="the folder or the .zip file")
    enter = add("move-in", "move an account here from another server", account=False)
    enter.add_argument("account", help="its handle there")
    enter.add_argument("--from", dest="peer", required=True, metavar="URL", help="that server")
    enter.add_argument("--password-file", metavar="FILE", help="its password there; else asked for")
    leave = add("move-out", "move an account from here to another server")
    leave.add_argument("--to", dest="peer", required=True, metavar="URL", help="that server")
    leave.add_argument("--invite", metavar="CODE", help="an invite code of that server")
    for action in (enter, leave):
        action.add_argument("--folder", metavar="DIR", help="what it needs (./hearth-move-HANDLE)")
    for action in (come, enter, leave):
        action.add_argument("--handle", help="the handle at the new server; else one that suits")
        action.add_argument("--email", help="the address at the new server; else the same")
        new = action.add_mutually_exclusive_group()
        new.add_argument(
            "--new-password-file",
            metavar="FILE",
            help="a file with one for the new server, - to be asked; else one is made and told",
        )
        new.add_argument("--new-password", help="the same in the command, where others may see it")
        action.add_argument("--code", help="the code that the old server has mailed")
        action.add_argument("--recovery-key", metavar="FILE", help="sign with this key, no code")


def _add_relay(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, help_text: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=help_text, description=sentence(help_text))
        _add_data(action)
        return action

    add("hosts", "list every host with its state")
    add("approve", "follow a host that waits").add_argument("hostname")
    limit = add("limit", "say how many accounts a host may have")
    limit.add_argument("hostname")
    limit.add_argument("accounts", type=int, nargs="?", help="left out: what its standing gives")
    ban = add("ban", "carry an account, or a domain with all below it, no longer")
    ban.add_argument("name", help="a DID or a domain")
    ban.add_argument("--reason", default="", help="why, for you and those after you")
    add("unban", "lift a ban").add_argument("name", help="a DID or a domain")
    add("bans", "list who is banned, and why")
    takedown = add("takedown", "take an account out of the stream and its replay")
    takedown.add_argument("did")
    takedown.add_argument("--undo", action="store_true", help="let it back")
    add("repair", "compare an account with its host now").add_argument("did")
    quarantine = add("quarantine", "list what was not passed on, and why")
    quarantine.add_argument("--did", help="of one account only")
    upstreams = add("upstreams", "tell what other relays know of this network")
    upstreams.add_argument("--now", action="store_true", help="look now; it may take a minute")
    add("release", "judge a kept frame once more").add_argument("number", type=int)
    add("discard", "forget a kept frame").add_argument("number", type=int)


def _add_publish(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", help="a domain of yours, such as smiths.example.org")
    ways = command.add_mutually_exclusive_group()
    ways.add_argument(
        "--https", action="store_true", help="nothing is in front: get certificates by itself"
    )
    ways.add_argument(
        "--proxy", action="store_true", help="a web server or tunnel on another machine is in front"
    )
    command.add_argument(
        "--anyway", action="store_true", help="go on though the name does not lead here yet"
    )
    command.add_argument("--directory", metavar="URL", help="the did:plc directory to use")
    command.add_argument(
        "--relay", metavar="URL", action="append", help="a relay to ask to follow; may be repeated"
    )
    _add_data(command)


def _add_backup(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, help_text in {
        "now": "take a backup now",
        "due": "take or prove one if that is due and the running network does not",
        "list": "list the backups there are",
        "prove": "restore the newest one into a scratch folder and verify all of it",
        "key": "print the key that opens them: keep it away from this computer",
        "ssh-key": "print the line that lets this network into storage by SFTP",
        "lend": "let another network keep its copies here",
        "lodgers": "list the networks that keep their copies here",
        "put-out": "let a network keep its copies here no more",
    }.items():
        action = actions.add_parser(name, help=help_text, description=sentence(help_text))
        if name in ("lend", "put-out"):
            action.add_argument("name", help="what the network is called here")
        if name == "lend":
            action.add_argument(
                "--gigabytes",
                type=_gigabytes,
                default=50,
                metavar="N",
                help="how much it may keep (50)",
            )
        _add_data(action)


def _add_update(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, help_text: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=help_text, description=sentence(help_text))
        _add_data(action)
        return action

    add("check", "say whether there is a newer release, and what changed in it")
    now = add("now", "install the newest release now")
    now.add_argument("--no-wait", action="store_true", help="end once it is handed over")
    now.add_argument("--without-backup", action="store_true", help="take no backup before it")
    add("due", "look, or install, if that is due and the running network does not")
    hold = add("hold", "install no release by itself")
    hold.add_argument("--days", type=_days, metavar="N", help="so long; left out: until resume")
    add("resume", "install releases by themselves again")


def _days(text: str) -> int:
    """A number of days, ten years at most."""
    return _from_one(text, 3650)


def _gigabytes(text: str) -> int:
    """A number of gigabytes, a petabyte at most."""
    return _from_one(text, 1_000_000)


def _from_one(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {most}")
    return int(text)


def _add_restore(command: argparse.ArgumentParser) -> None:
    command.set_defaults(action="restore")
    command.add_argument("place", help="where the backups are: as backup.target was")
    command.add_argument("--snapshot", default="", metavar="ID", help="another than the newest")
    command.add_argument("--key-file", metavar="FILE", help="a file with the key; else it is asked")
    command.add_argument(
        "--login-file", metavar="FILE", help="a file with NAME:TOKEN for rest:, - to be asked"
    )
    command.add_argument("--ssh-key", metavar="FILE", help="the SSH key for sftp:, else your own")
    _add_data(command)

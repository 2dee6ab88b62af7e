"""What `hearth label`, `hearth feed`, `hearth moderate` and others of the network take."""

import argparse
import os
from collections.abc import Callable
from typing import Any, Final

DATA_VARIABLE: Final = "HEARTH_DATA"
LABEL: Final = """\
Say what apps should hide or warn of, in the name of the network: its labeler signs it and tells
everybody who follows it. What is on this server can also be taken down: see `hearth account`."""

FEED: Final = """\
Offer feeds that this network makes by rules. Each is a record in the network's own repo, so that
people elsewhere can read it too."""


MODERATE: Final = """\
Look after what members report, as the panel does: read reports, take records and pictures down,
close reports; write the rules; read the log of every act. Accounts: see `hearth account`."""


GUARDIAN: Final = """\
Look after accounts of children, or of who asks for it: birth date, adult content, labelers and
muted words are fixed in their settings, and every app obeys, until the account is handed over."""


def add_guardian(command: argparse.ArgumentParser) -> None:
    """Add the actions of `hearth guardian`."""
    add = _adder(command.add_subparsers(dest="action", required=True, metavar="ACTION"))
    add("list", "list who is looked after, and by whom")
    add("show", "tell what is fixed for a member").add_argument("account", help="a handle or a DID")
    put = add("set", "have a member looked after; what is not said stays as it is")
    put.add_argument("account", help="a handle or a DID")
    put.add_argument("--by", metavar="MEMBER", help="who looks after them; empty: the owner")
    put.add_argument("--birth-date", metavar="DAY", help="as 2015-03-28; empty: as they say")
    put.add_argument("--adult-content", choices=("off", "allow"), help="off, or as they choose")
    for option, text in (("--labeler", "the DID of a labeler"), ("--mute", "a word or phrase")):
        put.add_argument(option, action="append", metavar="TEXT", help=f"{text}; may be repeated")
    over = add("hand-over", "let a member look after the account alone")
    over.add_argument("account", help="a handle or a DID")


HTTPS: Final = """\
Tell how it stands with the certificates that Hearth gets itself, and have what failed tried again
now: certificates, ports 80 and 443, and telling the DNS of a new address."""


def add_https(command: argparse.ArgumentParser) -> None:
    """Add the actions of `hearth https`."""
    add = _adder(command.add_subparsers(dest="action", required=True, metavar="ACTION"))
    add("show", "tell until when each certificate holds, and what failed")
    add("again", "try again now what failed and waits")


NEIGHBOURS: Final = """\
Pair with another Hearth at home: both owners ask for it, compare the code on both screens, and
confirm. From then on the members of both find, follow and see each other, without the internet."""


def add_neighbours(command: argparse.ArgumentParser) -> None:
    """Add the actions of `hearth neighbours`."""
    add = _adder(command.add_subparsers(dest="action", required=True, metavar="ACTION"))
    add("list", "list who is paired, who asks, and who else was seen")
    for name, text in (
        ("pair", "ask for a pair"),
        ("confirm", "say that both screens show the code"),
        ("refuse", "stop what was begun"),
        ("unpair", "end a pair"),
    ):
        action = add(name, text)
        action.add_argument("name", help="as `list` shows it, or how its key begins")
        if name == "confirm":
            action.add_argument("code", help="the six digits on the other screen")


def add_moderate(command: argparse.ArgumentParser) -> None:
    """Add the actions of `hearth moderate`."""
    add = _adder(command.add_subparsers(dest="action", required=True, metavar="ACTION"))
    reports = add("reports", "list the reports that wait")
    reports.add_argument("--all", action="store_true", help="those that are closed as well")
    close = add("close", "close a report")
    close.add_argument("number", type=int, help="as `reports` shows it")
    close.add_argument("--note", default="", help="why, for you and those after you")
    down = add("takedown", "hide a record or a picture from everybody")
    down.add_argument("--reason", default="", help="why, for you and those after you")
    for action in (down, add("restore", "show a record or a picture again")):
        action.add_argument("subject", help="an at:// address; for a picture at://DID#CID")
    for name, text in (("mute", "listen to a reporter no more"), ("unmute", "listen again")):
        add(name, text).add_argument("account", help="a handle or a DID")
    log = add("log", "list the newest acts of the operator")
    log.add_argument("--last", type=int, default=50, metavar="N", help="how many (50, at most 100)")
    log.add_argument("--by", choices=("panel", "command", "token", "member"), help="only of these")
    log.add_argument("--about", metavar="TEXT", help="only with this in it, such as a DID")
    for name, text, it in (
        ("rules", "the rules of the house", "them"),
        ("welcome", "the word of welcome", "it"),
    ):
        add(name, f"print {text}, or take {it} from a file").add_argument(
            "file", nargs="?", help="the file; - for standard input"
        )


def sentence(text: str) -> str:
    """Write a few words as a sentence; names in them stay as they are."""
    return f"{text[:1].upper()}{text[1:]}."


def add_data(command: argparse.ArgumentParser) -> None:
    """Let the data folder be named."""
    # An installation names its own here.
    where = os.environ.get(DATA_VARIABLE) or "hearth-data"
    command.add_argument(
        "--data", default=where, metavar="DIR", help="the data folder (%(default)s)"
    )


def add_label(command: argparse.ArgumentParser) -> None:
    """Add the actions of `hearth label`."""
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = _adder(actions)
    for name, text in (
        ("add", "put a label on an account or a record"),
        ("remove", "take a label back"),
    ):
        action = add(name, text)
        action.add_argument("subject", help="a handle, a DID or an at:// address")
        action.add_argument("label", help="such as !hide, !warn, porn or one of your own")
        if name == "add":
            action.add_argument("--until", metavar="TIME", help="as 2027-01-31T00:00:00Z")
    listing = add("list", "list the labels that stand")
    listing.add_argument("subject", nargs="?", help="of one account or record, with all below it")
    add("kinds", "list the labels there are, and in whose name")
    define = add("define", "make a kind of label of your own")
    define.add_argument("label", help="of small letters and hyphens")
    define.add_argument("name", help="what people read")
    define.add_argument("description", help="what it means, in a sentence")
    define.add_argument("--severity", choices=("inform", "alert", "none"), default="inform")
    define.add_argument("--blurs", choices=("content", "media", "none"), default="content")
    define.add_argument("--default", choices=("ignore", "warn", "hide"), default="warn")
    define.add_argument("--adult", action="store_true", help="for adults alone")
    define.add_argument("--lang", default="en", help="the language of name and description (en)")
    add("forget", "forget a kind of label of your own").add_argument("label")


def add_feed(command: argparse.ArgumentParser) -> None:
    """Add the actions of `hearth feed`."""
    add = _adder(command.add_subparsers(dest="action", required=True, metavar="ACTION"))
    add("list", "list the feeds with their rules")
    make = add("add", "offer a feed, or one that is there by another rule")
    make.add_argument("name", help="the end of its address: small letters, digits, hyphens")
    make.add_argument("title", help="what people read")
    make.add_argument(
        "kind",
        choices=("everyone", "photos", "friends", "hashtags", "words"),
        help="where its posts come from; friends: of those whom one follows",
    )
    make.add_argument("--description", default="", help="what it is, in a sentence")
    for option, text in (("--word", "a hashtag, word or phrase"), ("--language", "such as en")):
        make.add_argument(option, action="append", default=[], metavar="TEXT", help=text)
    make.add_argument("--scope", choices=("here", "all"), help="by members, or by everybody")
    make.add_argument("--media", action="store_true", help="only with pictures or video")
    make.add_argument("--replies", action="store_true", help="replies too")
    make.add_argument("--likes", type=int, metavar="N", help="only with so many likes")
    make.add_argument("--hours", type=int, metavar="N", help="only of the last hours")
    add("remove", "offer a feed no longer").add_argument("name")


def _adder(actions: Any) -> Callable[[str, str], argparse.ArgumentParser]:
    """Give what adds an action with its help and the data folder."""

    def add(name: str, text: str) -> argparse.ArgumentParser:
        action: argparse.ArgumentParser = actions.add_parser(
            name, help=text, description=sentence(text)
        )
        add_data(action)
        return action

    return add

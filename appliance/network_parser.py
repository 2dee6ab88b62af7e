"""What `hearth label` and `hearth feed` take."""

import argparse
from collections.abc import Callable
from typing import Any, Final

LABEL: Final = """\
Say what apps should hide or warn of, in the name of the network: its labeler signs it and tells
everybody who follows it. What is on this server can also be taken down: see `hearth account`."""


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


def _adder(actions: Any) -> Callable[[str, str], argparse.ArgumentParser]:
    """Give what adds an action with its help and the data folder."""

    def add(name: str, text: str) -> argparse.ArgumentParser:
        action: argparse.ArgumentParser = actions.add_parser(
            name, help=text, description=text.capitalize() + "."
        )
        action.add_argument(
            "--data", default="hearth-data", metavar="DIR", help="the data folder (%(default)s)"
        )
        return action

    return add

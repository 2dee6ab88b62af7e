"""The command line: what each command of `hearth` does; `commands/parser` says what is typed."""

import argparse
import os
import signal
import sys
import textwrap
from collections.abc import Sequence
from typing import Final, NoReturn

from appliance.base.terminal import guard_terminals
from appliance.commands.parser import MOVES, parser
from appliance.settings import InvalidSettings
from appliance.settings_groups import Paths

# A file or folder that was named, and cannot be what it is named for.
_UNFIT_FILES: Final = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; exits. Without a word it says what there is to say."""
    guard_terminals()
    if argv is None:
        # Whatever is written from here on is for its owner alone, wherever it lies.
        os.umask(0o077)
    typed = sys.argv[1:] if argv is None else argv
    args = parser().parse_args(typed or ["--help"])
    try:
        sys.exit(_COMMANDS[args.command](args))
    except InvalidSettings as problem:
        _fail(f"a setting cannot be used: {problem}")
    except _UNFIT_FILES as problem:
        if problem.filename is None:
            raise
        _fail(f"{problem.filename}: {problem.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(text: str) -> NoReturn:
    sys.stderr.write(f"hearth: {text}\n")
    sys.exit(1)


# What a command needs is imported when it is given: `--help` and `account` start at once.


def _run(args: argparse.Namespace) -> int:
    from appliance import service

    return service.run(Paths.of(args.data), args.json_logs, frozenset(args.role))


def _try(args: argparse.Namespace) -> int:
    if bool(args.appview) != bool(args.appview_did):
        _fail("--appview and --appview-did go together")
    from appliance import trial

    return trial.run(args)


def _account(args: argparse.Namespace) -> int:
    from appliance import operator
    from appliance.commands import house

    actions = {
        "create": operator.create,
        "list": operator.show_all,
        "invite": operator.invite,
        "create-invite-code": operator.invite,
        "untakedown": operator.bring_back,
        "request-crawl": operator.request_crawl,
        "reset-password": operator.reset_password,
        "takedown": operator.take_down,
        "suspend": operator.suspend,
        "appview": operator.choose_app_view,
        "delete": operator.delete,
        **house.ACTIONS,
    }
    if args.action in MOVES:
        from appliance.moving import command

        return command.run(args.action, args, print)
    return operator.run(actions[args.action], args, print)


def _relay(args: argparse.Namespace) -> int:
    from appliance import operator
    from appliance.commands import relay

    return operator.run(relay.ACTIONS[args.action], args, print, role="relay")


def _label(args: argparse.Namespace) -> int:
    from appliance import operator
    from appliance.commands import labels

    return operator.run(labels.ACTIONS[args.action], args, print, role="labeler")


def _moderate(args: argparse.Namespace) -> int:
    from appliance import operator
    from appliance.commands import moderation

    return operator.run(moderation.ACTIONS[args.action], args, print)


def _support_bundle(args: argparse.Namespace) -> int:
    from appliance.commands import support

    return support.run(args, print)


def _settings(args: argparse.Namespace) -> int:
    from appliance.commands import settings

    return settings.run(args, print)


def _guardian(args: argparse.Namespace) -> int:
    from appliance import operator
    from appliance.commands import guardians

    return operator.run(guardians.ACTIONS[args.action], args, print)


def _neighbours(args: argparse.Namespace) -> int:
    from appliance import operator
    from appliance.commands import neighbours

    return operator.run(neighbours.ACTIONS[args.action], args, print, role="neighbours")


def _https(args: argparse.Namespace) -> int:
    from appliance import operator
    from appliance.commands import https

    return operator.run(https.ACTIONS[args.action], args, print)


def _feed(args: argparse.Namespace) -> int:
    from appliance import operator
    from appliance.commands import feeds

    return operator.run(feeds.ACTIONS[args.action], args, print, role="appview")


def _adopt(args: argparse.Namespace) -> int:
    from appliance import adopt

    return adopt.run(args, print)


def _publish(args: argparse.Namespace) -> int:
    from appliance import publish

    return publish.run(args, print)


def _backup(args: argparse.Namespace) -> int:
    from appliance.backup import commands

    # Told to end, it puts away what it has begun, as if somebody had pressed Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return commands.run(args, print)


def _sheet(args: argparse.Namespace) -> int:
    from appliance.base.paper_words import UnreadableWords
    from appliance.upkeep import recovery_sheet as paper

    key_file = Paths.of(args.data).secret(paper.KEY_FILE)
    try:
        if args.restore:
            print(f"put back: {paper.restore(key_file, sys.stdin.read())}")
            return 0
        sheet = paper.sheet_of(key_file)
    except (paper.NoKeyYet, paper.KeyInPlace, UnreadableWords) as problem:
        _fail(str(problem))
    print(textwrap.fill(" ".join(sheet.words), 60))
    print(sheet.public)
    print(f"The key of the backups: {sheet.backup_key}")
    return 0


def _checkup(args: argparse.Namespace) -> int:
    from appliance.commands import checkup

    return checkup.run(args, print)


def _update(args: argparse.Namespace) -> int:
    from appliance.updates import commands

    return commands.run(args, print)


def _health(args: argparse.Namespace) -> int:
    from appliance import service

    return service.ask(Paths.of(args.data))


def _claim(args: argparse.Namespace) -> int:
    from appliance import service

    return service.show_claim(Paths.of(args.data))


_COMMANDS: Final = {
    "adopt": _adopt,
    "backup": _backup,
    "publish": _publish,
    "restore": _backup,
    "run": _run,
    "update": _update,
    "try": _try,
    "account": _account,
    "relay": _relay,
    "label": _label,
    "feed": _feed,
    "neighbours": _neighbours,
    "https": _https,
    "guardian": _guardian,
    "settings": _settings,
    "support-bundle": _support_bundle,
    "moderate": _moderate,
    "checkup": _checkup,
    "claim": _claim,
    "health": _health,
    "sheet": _sheet,
}

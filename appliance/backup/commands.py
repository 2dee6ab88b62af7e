"""`hearth backup` and `hearth restore`."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from appliance.backup import lending, restore, restored, sftp
from appliance.backup.engine import DIRECT, BackupFailed, Engine
from appliance.backup.left_over import REHEARSAL, alone
from appliance.backup.places import Disks
from appliance.backup.schedule import what_is_due
from appliance.backup.take import REST, Progress, engine_of, take, with_login
from appliance.base.terminal import unguarded
from appliance.base.typed_secrets import read_secret, warn_of_seen
from appliance.pds.soundness import Soundness
from appliance.settings import Settings, load
from appliance.settings_groups import Paths
from appliance.upkeep.backup_journal import ACTIONS, CourseFile, Journal, take_up
from appliance.upkeep.backup_key import KEY_FILE, as_typed, key_of
from appliance.upkeep.backup_ssh import SFTP, SshFiles
from appliance.upkeep.standing_by import is_taken_up

Say = Callable[[str], None]

IN_HAND: Final = "a backup is due, and the running network has it in hand"
WIDTH: Final = 30
_RESTORED: Final = """\
{counts} are back in {data}, all verified.
What is left to do:
  1. See that the old network is off and stays off: an account has one server.
  2. Start this one:  hearth run --data {data}
Everybody signs in as before. Others are told at once where each account stands now."""


class UnderWay(BackupFailed):
    """Somebody else takes or proves a backup."""


def run(args: argparse.Namespace, say: Say) -> int:
    """Do one of them; return the exit status. Raises InvalidSettings."""
    data = Paths.of(args.data).data
    # A key made where no network is would open nothing.
    if args.action != "restore" and not data.is_dir():
        sys.stderr.write(f"hearth: there is no network in {data}\n")
        return 1
    bar = Bar(sys.stderr.isatty())
    try:
        if args.action == "due":
            _due(args, say, bar)
        else:
            _do(args, say, bar)
    except BackupFailed as problem:
        bar.end()
        sys.stderr.write(
            f"hearth: {problem.seen}\n"
            f"        expected: {problem.expected}\n"
            f"        to do: {problem.remedy}\n"
        )
        return 1
    bar.end()
    return 0


def _do(
    args: argparse.Namespace, say: Say, bar: "Bar", begins: Callable[[], object] = lambda: None
) -> None:
    with _course(args) as course:
        begins()

        def show(what: str, share: float) -> None:
            bar.show(what, share)
            if course is not None:
                course.show(what, share)

        _ACTIONS[args.action](args, say, show)


def _due(args: argparse.Namespace, say: Say, bar: "Bar") -> None:
    """Do what is due and nobody else does, or say in a line why nothing is done."""
    settings = _settings(args)
    data = settings.paths.data
    journal = Journal.read(data)
    looked = what_is_due(settings, journal.without_cut_off(data), Disks(), time.time())
    args.action, reason = looked
    if args.action is None:
        say(reason)
        return
    if is_taken_up(settings, lambda: Journal.read(data) != journal):
        say(IN_HAND)
        return
    try:
        _do(args, say, bar, partial(take_up, data))
    except UnderWay as problem:
        say(problem.seen)


@contextmanager
def _course(args: argparse.Namespace) -> Iterator[CourseFile | None]:
    """Be the only one who takes or proves backups here, and tell how far it is."""
    action, data = ACTIONS.get(args.action), Paths.of(args.data).data
    if action is None or not data.is_dir():
        yield None
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(alone(data))
        except BlockingIOError as taken:
            raise UnderWay(
                "a backup is being taken or proven already",
                "one at a time",
                "wait until that one has ended; the panel shows how far it is",
            ) from taken
        course = CourseFile(data, action)
        try:
            yield course
        finally:
            course.end()


class Bar:
    """A line that tells how far it is: drawn anew in a terminal, else once for each thing done."""

    def __init__(self, drawn: bool) -> None:
        self._drawn = drawn
        self._what = ""

    def show(self, what: str, share: float) -> None:
        """Say what is being done, and how much of it is."""
        if self._drawn:
            full = round(min(max(share, 0.0), 1.0) * WIDTH)
            line = f"\r[{'#' * full}{'.' * (WIDTH - full)}] {what:<32}"
            terminal = unguarded(sys.stderr)
            terminal.write(line)
            terminal.flush()
        elif what != self._what:
            sys.stderr.write(f"{what}\n")
        self._what = what

    def end(self) -> None:
        if self._drawn and self._what:
            sys.stderr.write("\n")


def counts_of(sound: Soundness) -> str:
    return f"{sound.accounts} accounts, {sound.records} records, {sound.blobs} blobs"


def _settings(args: argparse.Namespace) -> Settings:
    return load(Paths.of(args.data).data, os.environ)


def _now(args: argparse.Namespace, say: Say, progress: Progress) -> None:
    say(f"backup {take(_settings(args), progress)} is taken")


def _list(args: argparse.Namespace, say: Say, _progress: Progress) -> None:
    for one in engine_of(_settings(args)).snapshots():
        say(f"{one.id}  {one.time[:19].replace('T', ' ')}")


def _prove(args: argparse.Namespace, say: Say, progress: Progress) -> None:
    sound = prove(_settings(args), progress)
    say(f"proven: {counts_of(sound)} can be restored")


def _key(args: argparse.Namespace, say: Say, _progress: Progress) -> None:
    say(key_of(Paths.of(args.data).secret(KEY_FILE)))


def _ssh_key(args: argparse.Namespace, say: Say, _progress: Progress) -> None:
    say(SshFiles.of(Paths.of(args.data)).public_line())


def prove(settings: Settings, progress: Progress) -> Soundness:
    """Restore the newest backup into a scratch folder, look at all of it, and note how it went.

    Raises BackupFailed.
    """
    data = settings.paths.data
    journal = Journal.read(data).note(data, proof_tried_at=time.time(), proof_failure="")
    try:
        engine = engine_of(settings)
        engine.check()
        snapshot, sound = restored.rehearse(engine, data / REHEARSAL, progress)
    except BackupFailed as problem:
        journal.note(data, proof_failure=str(problem))
        raise
    except OSError as problem:
        failed = BackupFailed(
            f"nothing could be brought back into {data}: {problem}",
            "room there for a copy of everything",
            "see what `hearth checkup` says of storage",
        )
        journal.note(data, proof_failure=str(failed))
        raise failed from problem
    journal.note(data, proven_at=time.time(), proven=f"{snapshot.id}: {counts_of(sound)}")
    return sound


def _restore(args: argparse.Namespace, say: Say, progress: Progress) -> None:
    paths = Paths.of(args.data)
    key = _read_key(args.key_file)
    with TemporaryDirectory(prefix="hearth-restore-") as cache:
        engine = _engine_to_restore(args, key, Path(cache))
        sound = asyncio.run(restore.restore(engine, key, args.snapshot, paths, partial(progress)))
    say(_RESTORED.format(counts=counts_of(sound), data=paths.data))


def _engine_to_restore(args: argparse.Namespace, key: str, cache: Path) -> Engine:
    place, secrets = _without_login(args.place)
    if secrets:
        warn_of_seen("the login of a place", "--login-file FILE, or - to be asked")
    if args.login_file and place.startswith(REST):
        secrets = with_login(place, _read_login(args.login_file))
    # Without a key named, ssh is that of the person who sits here, who can be asked.
    way = DIRECT
    if args.ssh_key and place.startswith(SFTP):
        if not os.access(args.ssh_key, os.R_OK):
            raise BackupFailed(
                f"{args.ssh_key} cannot be read",
                "a file with the key of SSH",
                "name another file, or leave --ssh-key out and use your own",
            )
        way = sftp.way(place, SshFiles(Path(args.ssh_key), cache / "ssh-hosts"), cache)
    return Engine(Disks().place(place), key, cache, {**_storage_env(), **secrets}, way)


def _read_key(path: str | None) -> str:
    """Take the key from a file, or from the terminal, however it was typed."""
    if path:
        try:
            text = Path(path).read_text("utf-8")
        except OSError as problem:
            raise BackupFailed(
                f"{path} cannot be read: {problem.strerror}",
                "a file with the key of the backup",
                "name another file, or leave --key-file out and type the key",
            ) from problem
    else:
        sys.stderr.write("The key of the backup, from the recovery sheet: ")
        sys.stderr.flush()
        text = sys.stdin.readline()
    return as_typed(text)


def _read_login(path: str) -> str:
    try:
        return read_secret(path, "NAME:TOKEN, as the other Hearth gave them: ")
    except (OSError, UnicodeError) as problem:
        raise BackupFailed(
            f"{path} cannot be read: {problem}",
            "a file with NAME:TOKEN, as the other Hearth gave them",
            "name another file, or - to type them",
        ) from problem


def _without_login(place: str) -> tuple[str, dict[str, str]]:
    """Take NAME:TOKEN@ out of the address of another Hearth, so that it is shown nowhere."""
    before, at, after = place.partition("@")
    rest, _, login = before.partition("://")
    if not (place.startswith(REST) and at and login):
        return place, {}
    address = f"{rest}://{after}"
    return address, with_login(address, login)


def _storage_env() -> dict[str, str]:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK")
    return {name: os.environ[name] for name in names if name in os.environ}


_ACTIONS: Final[dict[str, Callable[[argparse.Namespace, Say, Progress], None]]] = {
    "now": _now,
    "list": _list,
    "prove": _prove,
    "key": _key,
    "ssh-key": _ssh_key,
    "lend": lending.lend,
    "lodgers": lending.lodgers,
    "put-out": lending.put_out,
    "restore": _restore,
}

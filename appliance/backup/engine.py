"""The engine: restic as a program. It encrypts, stores only what is new, and checks what it reads.

A repository is a folder, or `sftp:`, `s3:` or `rest:` with an address, as restic names them:
https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html
"""

import json
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# All backups of this network are one line of history, whatever the computer is called.
HOST: Final = "hearth"
KEEP: Final = ("--keep-daily", "7", "--keep-weekly", "4", "--keep-monthly", "6")
# Memory matters more than time at three in the morning.
GOGC: Final = "20"
NOT_CREATED: Final = "is there a repository at the following location"
_LAST_LINES: Final = 20
_FIND_IT: Final = "see that the disk is plugged in and mounted, and that this is its name"

Note = Callable[[int, int], None]


@dataclass
class BackupFailed(Exception):
    """What was seen, what was expected, what to do."""

    seen: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.seen}; expected {self.expected}; to do: {self.remedy}"


@dataclass(frozen=True)
class Snapshot:
    """One backup that the repository holds."""

    id: str
    time: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Saved:
    """A backup just taken: what it holds, and what of it was new, in bytes."""

    id: str
    bytes: int
    added: int


@dataclass(frozen=True)
class Way:
    """How the place is reached: options of restic, and where the program between leaves its words.

    What that says to restic's own output may be lost when it ends at once.
    """

    options: Sequence[str] = ()
    words: Path | None = None

    def forget(self) -> None:
        if self.words is not None:
            self.words.parent.mkdir(parents=True, exist_ok=True)
            self.words.write_text("")

    def said(self) -> str:
        return "" if self.words is None else self.words.read_text("utf-8", "replace")


DIRECT: Final = Way()


class Engine:
    """One repository. `key` is its passphrase; `secrets` what the storage asks, as variables."""

    def __init__(
        self,
        repository: str,
        key: str,
        cache: Path,
        secrets: Mapping[str, str],
        way: Way = DIRECT,
    ) -> None:
        self.repository = repository
        self._cache = cache
        self._way = way
        self._secrets = tuple(filter(None, secrets.values()))
        self._env = {
            "RESTIC_REPOSITORY": repository,
            "RESTIC_PASSWORD": key,
            "GOGC": GOGC,
            **secrets,
        }

    def prepare(self, *, expected: bool) -> None:
        """Make the repository, unless there is one. Raises BackupFailed.

        Where one is expected none is made: a disk that is not plugged in is an empty folder.
        """
        try:
            self._run(["cat", "config"])
        except _NoRepository:
            if expected:
                raise
            self._run(["init"])
        self._free()

    def save(self, folders: Sequence[Path], left_out: Sequence[str], note: Note) -> Saved:
        """Store folders. `note` is told (bytes done, of how many)."""
        wanted = ["backup", "--json", "--host", HOST, "--tag", HOST]
        for pattern in left_out:
            wanted += ["--exclude", pattern]
        summary: dict[str, Any] = {}

        def hear(line: str) -> None:
            message = _message(line)
            if message.get("message_type") == "status":
                note(int(message.get("bytes_done", 0)), int(message.get("total_bytes", 0)))
            elif message.get("message_type") == "summary":
                summary.update(message)

        self._run([*wanted, *map(str, folders)], hear)
        return Saved(
            str(summary["snapshot_id"]),
            int(summary.get("total_bytes_processed", 0)),
            int(summary.get("data_added", 0)),
        )

    def thin_out(self) -> None:
        """Forget old backups: seven days, four weeks and six months are kept."""
        self._run(["forget", "--group-by", "host", "--host", HOST, "--prune", *KEEP])

    def snapshots(self) -> list[Snapshot]:
        """List what there is, oldest first."""
        lines: list[str] = []
        self._run(["snapshots", "--json", "--host", HOST], lines.append)
        # restic, or ssh, may have something else to say first.
        told = next((line for line in reversed(lines) if line.startswith("[")), "[]")
        found = json.loads(told)
        return [Snapshot(one["short_id"], one["time"], tuple(one["paths"])) for one in found]

    def fetch(self, snapshot: str, into: Path) -> None:
        """Bring a snapshot back below a folder, every byte checked. Raises BackupFailed.

        What a disk of this machine lacks will not be there in a minute, either: restic before 0.17
        asks ten times for each part, then fails all the same.
        """
        is_hopeless = _is_of_no_use if Path(self.repository).is_absolute() else None
        wanted = ["restore", snapshot, "--host", HOST, "--target", str(into)]
        self._run(wanted, give_up=is_hopeless)

    def check(self) -> None:
        """See that the repository is whole in itself. Raises BackupFailed."""
        self._free()
        self._run(["check"])

    def _free(self) -> None:
        """Take away what a run that was cut off has left locked; locks of those that live stay."""
        self._run(["unlock"])

    def _run(
        self,
        wanted: Sequence[str],
        hear: Callable[[str], object] | None = None,
        give_up: Callable[[str], bool] | None = None,
    ) -> None:
        """Run restic; `hear` is told each line, and after one that is to `give_up` it is ended."""
        program = shutil.which("restic")
        if program is None:
            raise BackupFailed(
                "the program restic is not installed", "it to be there", "sudo apt install restic"
            )
        self._way.forget()
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        with subprocess.Popen(  # noqa: S603
            [program, *self._way.options, *wanted],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**kept, **self._env, "RESTIC_CACHE_DIR": str(self._cache)},
        ) as running:
            last: deque[str] = deque(maxlen=_LAST_LINES)
            try:
                for line in running.stdout or ():
                    last.append(line)
                    if hear is not None:
                        hear(line)
                    if give_up is not None and give_up(line):
                        running.send_signal(signal.SIGINT)  # it takes its lock away
            except BaseException:
                running.send_signal(signal.SIGINT)
                running.communicate()  # who cannot say that it goes dies, its lock left behind
                raise
        if running.returncode:
            said = self._way.said() + "".join(last)
            raise _in_words(self._without_secrets(said), self.repository)

    def _without_secrets(self, said: str) -> str:
        for secret in self._secrets:
            said = said.replace(secret, "***")
        return said


class _NoRepository(BackupFailed):
    """There is none at this place yet."""


def _is_of_no_use(line: str) -> bool:
    """Tell whether restic is about to read a part again that is missing, or cut off."""
    is_again = line.startswith("Load(") and "returned error, retrying" in line
    return is_again and any(sign in line for sign in ("no such file", "unexpected EOF"))


def _message(line: str) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _in_words(said: str, place: str) -> BackupFailed:
    """Tell what restic said in words that help."""
    lower = said.lower()
    is_refused = any(sign in lower for sign in _REFUSED)
    if not is_refused and (NOT_CREATED in lower or "unable to open config file" in lower):
        return _NoRepository(f"there is no backup at {place}", "those made before", _FIND_IT)
    for signs, seen, expected, remedy in _KNOWN:
        if any(sign in lower for sign in signs):
            return BackupFailed(f"{seen} ({place})", expected, remedy)
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "nothing was said")
    return BackupFailed(
        f"the backup program failed at {place}: {last.strip()[:300]}",
        "it to succeed",
        "see that the place can be reached and written to, then try again",
    )


# Said of a repository that is there, to who has no right to see it.
_REFUSED: Final = (
    *("(401)", "(403)", "access denied"),
    # As storage that speaks S3 says it.
    *("signature we calculated", "access key id you provided"),
)
_KNOWN: Final = (
    (
        ('"ssh": executable file not found',),
        "the program ssh is not installed",
        "it to be there",
        "sudo apt install openssh-client",
    ),
    (
        ("host key verification failed",),
        "another computer answers than the one that was met there before, or one with a new key",
        "the key it showed the first time",
        "if it was set up anew, take its line out of secrets/backup-ssh-hosts",
    ),
    (
        ("permission denied (publickey", "permission denied, please try again"),
        "the place knows this network's key not, or not yet",
        "the line that `hearth backup ssh-key` prints, in ~/.ssh/authorized_keys there",
        "put it there, then try again",
    ),
    (
        ("wrong password or no key found",),
        "the key does not open this backup",
        "the key on the recovery sheet that was printed when this backup was set up",
        "type it again, or look for the sheet of that network",
    ),
    (
        (
            "ciphertext verification failed",
            "integrity",
            "hash mismatch",
            "invalid data returned",
            "unexpected eof",
            "does not match id",
            "id does not exist",
            "load index",
            "not found in repository",
            "no such file or directory",
        ),
        "the backup is damaged: what is stored is not what was written, or lacks a part",
        "every part as it was written",
        "use an older backup or another copy, and replace the disk if this is one",
    ),
    (
        ("no space left", "disk quota", "(507)", "insufficient storage"),
        "there is no room left",
        "room for what is new",
        "free some, or choose a larger place",
    ),
    (
        ("already locked",),
        "another backup is at work there, or was cut off",
        "to be alone",
        "wait half an hour, then try again",
    ),
    (
        ("permission denied", "read-only file system", "accessdenied", *_REFUSED),
        "the place may not be written to or read",
        "to be allowed",
        "check its owner, or the keys of the storage",
    ),
    (
        ("connection refused", "no such host", "could not resolve", "timeout", "unreachable"),
        "the place does not answer",
        "it to be reached",
        "see that it is switched on and the network is up",
    ),
)

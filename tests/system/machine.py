"""A machine that boots in a second: systemd as process 1 of a Debian, in namespaces."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from tests.support.appliance import wait_until
from tests.system.debians import kind_of, root_file_system, wheels

BOOT = Path(__file__).with_name("boot.sh")
MOST_SECONDS = 600
PATIENCE_SECONDS = 180.0
ROOM = 3 << 30


def _roomy_place() -> str | None:
    """Memory where there is enough: others who use the disk do not slow it down."""
    memory = Path("/dev/shm")  # noqa: S108
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > ROOM else None


class Machine:
    """A Debian of its own, without a network; what is in `input` is seen there as /input."""

    def __init__(self, system: str, before: "Machine | None" = None) -> None:
        """With `before` it begins as that one was left, and leaves that one as it is."""
        self._folder = Path(tempfile.mkdtemp(prefix="hearth-machine-", dir=_roomy_place()))
        self.lower: list[Path] = (
            [before.upper, *before.lower] if before else [root_file_system(system)]
        )
        self.upper: Path = self._folder / "upper"
        self.input: Path = before.input if before else self._folder / "input"
        for name in ("input", "upper", "work", "root"):
            (self._folder / name).mkdir()
        # Read by those who are not root inside.
        self._folder.chmod(0o755)
        self.upper.chmod(0o755)
        self._kind = kind_of(system)
        self._groups = 0
        self._outer: subprocess.Popen[bytes] | None = None
        self._init = 0

    def __enter__(self) -> Self:
        if not (self.input / "wheels").exists():
            shutil.copytree(wheels(self._kind), self.input / "wheels")
        try:
            self.boot()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        self.cut_power()
        shutil.rmtree(self._folder)

    def boot(self) -> float:
        """Switch it on; return how many seconds it took until its services were up."""
        began = time.monotonic()
        self._groups += 1
        group = self._tree() / f"{self._folder.name}-{self._groups}"
        folder = self._folder
        # The kernel wants a new folder for each mount.
        shutil.rmtree(folder / "work", ignore_errors=True)
        (folder / "work").mkdir()
        lower = ":".join(map(str, self.lower))
        where = [*(str(folder / name) for name in ("upper", "work", "root")), str(group)]
        self._outer = subprocess.Popen(  # noqa: S603
            ["/bin/sh", str(BOOT), lower, *where, str(self.input)], stderr=subprocess.DEVNULL
        )
        wait_until(self._find_init, "process 1", PATIENCE_SECONDS)
        wait_until(self._is_up, "systemd is up", PATIENCE_SECONDS)
        return time.monotonic() - began

    @staticmethod
    def _tree() -> Path:
        unified = Path("/sys/fs/cgroup/unified")
        return unified if unified.is_dir() else Path("/sys/fs/cgroup")

    def _find_init(self) -> bool:
        assert self._outer is not None
        assert self._outer.poll() is None, "it did not boot"
        outer = self._outer.pid
        children = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        for child in children:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                    self._init = int(child)
                    return True
        return False

    def _is_up(self) -> bool:
        state = self.run("systemctl is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def run(
        self, command: str, *, check: bool = True, typed: str = "", seconds: float = MOST_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command inside, as root, from /."""
        done = subprocess.run(  # noqa: S603
            [*self._inside(), "/bin/sh", "-c", command],
            input=typed,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}\n{self.log()}"
        return done

    def begin(self, command: str) -> subprocess.Popen[bytes]:
        """Start a command inside, and do not wait for it."""
        quiet = subprocess.DEVNULL
        return subprocess.Popen(  # noqa: S603
            [*self._inside(), "/bin/sh", "-c", command], stdin=quiet, stdout=quiet, stderr=quiet
        )

    def in_its_network(self) -> list[str]:
        """Give the command that runs a program of this machine on the other's network."""
        return ["nsenter", "-t", str(self._init), "-n"]

    def _inside(self) -> list[str]:
        enter = ["nsenter", "-t", str(self._init), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w"]
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return [*enter, "env", "-i", path, "HOME=/root"]

    def log(self) -> str:
        """What the services said last."""
        command = "journalctl -o cat -n 60 -u 'hearth*' --no-pager"
        return self.run(command, check=False).stdout

    def until(self, command: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until a command inside succeeds."""
        try:
            wait_until(lambda: self.run(command, check=False).returncode == 0, command, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None

    def switch_off(self) -> None:
        """Let its services end, then end it."""
        self.run("systemctl stop hearth.service; sync")
        self.cut_power()

    def cut_power(self) -> None:
        """End it at once, with all that runs in it."""
        if self._outer is None:
            return
        with contextlib.suppress(ProcessLookupError):
            # One that never came up ends with the process around it.
            os.kill(self._init or self._outer.pid, signal.SIGKILL)
        self._outer.wait(PATIENCE_SECONDS)
        self._outer, self._init = None, 0
        group = self._tree() / f"{self._folder.name}-{self._groups}"
        for folder, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()

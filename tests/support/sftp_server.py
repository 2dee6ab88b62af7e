"""Storage by SFTP on loopback, which lets in one key.

python -m tests.support.sftp_server PORT FOLDER: `authorized_keys` and `host_key` lie in the folder,
and what is in `kept` is shown as `/`.
"""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import asyncssh

from tests.support.ending import end
from tests.support.ports import free_port

PATIENCE_SECONDS = 60


class SftpServer:
    """The server as a process of its own. `host_key` may be changed by `new_host_key`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.new_host_key()
        self._log = folder / "log"

    def let_in(self, line: str) -> None:
        (self.folder / "authorized_keys").write_text(f"{line.strip()}\n")

    def new_host_key(self) -> None:
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(self.folder / "host_key")

    def place(self, folder: str) -> str:
        return f"sftp://keeper@127.0.0.1:{self.port}//{folder}"

    def start(self) -> "SftpServer":
        command = [sys.executable, "-m", "tests.support.sftp_server"]
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(  # noqa: S603
                [*command, str(self.port), str(self.folder)], stdout=log, stderr=log
            )
        latest = time.monotonic() + PATIENCE_SECONDS
        while not (self.folder / "ready").exists():
            assert self._popen.poll() is None, self._log.read_text()
            assert time.monotonic() < latest, self._log.read_text()
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        (self.folder / "ready").unlink()
        end(self._popen)


class _Shown(asyncssh.SFTPServer):
    """The folder as the root of all there is."""

    def __init__(self, chan: "asyncssh.SSHServerChannel[bytes]", folder: Path) -> None:
        super().__init__(chan, chroot=bytes(folder))
        self._chan = chan

    def exit(self) -> None:
        """Say that it ended well, as sshd's own does."""
        self._chan.exit(0)


class _Door(asyncssh.SSHServer):
    """Who has the key comes in; nothing else is asked for."""

    def __init__(self, folder: Path) -> None:
        self._keys = folder / "authorized_keys"

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._conn = conn

    def begin_auth(self, username: str) -> bool:
        if self._keys.exists():
            self._conn.set_authorized_keys(str(self._keys))
        return True

    def public_key_auth_supported(self) -> bool:
        return True


async def main(port: int, folder: Path) -> None:
    """Serve until killed."""
    (folder / "kept").mkdir(exist_ok=True)
    await asyncssh.create_server(
        lambda: _Door(folder),
        "127.0.0.1",
        port,
        server_host_keys=[folder / "host_key"],
        sftp_factory=lambda chan: _Shown(chan, folder / "kept"),
    )
    (folder / "ready").touch()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))

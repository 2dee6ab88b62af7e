"""A computer of its own, by qemu, that starts from an image; seen over its network."""

import contextlib
import http.client
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import dns.message

from tests.support.ports import free_port
from tests.system.disks import boot_file, write_boot_file
from tests.system.hardware import KINDS

LONGEST_START = 3600.0
PANEL, DOOR = 2587, 80


class VirtualMachine:
    """A computer with a disk of its own, made from an image; switched on with `start`.

    With a disk of 0 GB the image is what the kernel starts with, and stays as it is.
    """

    def __init__(self, image: Path, kind: str = "uefi", disk_gigabytes: int = 4) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="hearth-virtual-"))
        self.disk = self._folder / "disk"
        subprocess.run(  # noqa: S603
            ["cp", "--sparse=always", str(image), str(self.disk)],  # noqa: S607
            check=True,
        )
        if disk_gigabytes:
            with self.disk.open("r+b") as file:
                file.truncate(disk_gigabytes << 30)
        self._hardware = KINDS[kind]
        self.panel_port = free_port()
        self.door_port = free_port()
        self.ssh_port = free_port()
        # A cable to this machine, beside the way to the internet that qemu plays.
        self._cable = f"hearth{self.ssh_port}"
        self._qemu: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()
        shutil.rmtree(self._folder)

    def start(self) -> float:
        """Switch it on; give the seconds until its panel answered."""
        began = time.monotonic()
        self.switch_on()
        self.until_it_answers()
        return time.monotonic() - began

    def switch_on(self) -> None:
        forwards = [
            f"hostfwd=tcp:127.0.0.1:{mine}-:{its}"
            for mine, its in ((self.panel_port, PANEL), (self.door_port, DOOR), (self.ssh_port, 22))
        ]
        command = self._hardware.words(self.disk, self._folder)
        command += ["-accel", "tcg,thread=multi", "-display", "none", "-action", "watchdog=reset"]
        command += ["-netdev", ",".join(["user,id=way,restrict=on", *forwards])]
        command += ["-device", f"{self._hardware.network},netdev=way"]
        if self._hardware.has_cable:
            cable = f"tap,id=cable,ifname={self._cable},script=no,downscript=no"
            command += ["-netdev", cable, "-device", f"{self._hardware.network},netdev=cable"]
        command += ["-serial", f"file:{self._folder}/console"]
        self._qemu = subprocess.Popen(command)  # noqa: S603

    def address_of(self, name: str) -> str:
        """Ask on the cable who has NAME.local, by multicast; give the address that comes."""
        up = ["ip", "link", "set", self._cable, "up"]
        subprocess.run(up, check=True)  # noqa: S603
        question = dns.message.make_query(name, "AAAA", flags=0)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asking:
            asking.settimeout(1.0)
            end = time.monotonic() + LONGEST_START
            while time.monotonic() < end:
                with contextlib.suppress(OSError):
                    index = socket.if_nametoindex(self._cable)
                    asking.sendto(question.to_wire(), ("ff02::fb", 5353, 0, index))
                    answer = dns.message.from_wire(asking.recv(9000))
                    for records in answer.answer:
                        return str(records[0])
        raise AssertionError(f"nobody says to be {name}")

    def until_it_answers(self, path: str = "/claim") -> None:
        end = time.monotonic() + LONGEST_START
        while True:
            assert self._qemu is not None
            assert self._qemu.poll() is None, "qemu has ended"
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.get(self.panel_port, path)[0] < 500:
                    return
            assert time.monotonic() < end, self.console()[-4000:]
            time.sleep(0.5)

    def get(self, port: int, path: str, host: str = "hearth.local:2587") -> tuple[int, bytes]:
        door = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.closing(door):
            door.request("GET", path, headers={"Host": host})
            answer = door.getresponse()
            return answer.status, answer.read()

    def console(self) -> str:
        path = self._folder / "console"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def let_me_in(self) -> None:
        """Put a key for SSH on the card, while it is off."""
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._folder / "key")]
        subprocess.run(make, check=True)  # noqa: S603
        self.put_on_card("authorized_keys", (self._folder / "key.pub").read_text())

    def run(self, command: str) -> str:
        """Run a command on it as root, by SSH; give what it said."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        ssh = ["ssh", "-p", str(self.ssh_port), "-i", str(self._folder / "key")]
        ssh += [word for option in options for word in ("-o", option)]
        done = subprocess.run(  # noqa: S603
            [*ssh, "root@127.0.0.1", command],
            capture_output=True,
            text=True,
            timeout=LONGEST_START,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def cut_power(self) -> None:
        """End it at once; what it had written stays."""
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
            self._qemu = None

    def file_on_card(self, name: str) -> str:
        """Read a file of the boot partition, while it is off."""
        return boot_file(self.disk, name)

    def put_on_card(self, name: str, text: str) -> None:
        """Write a file to the boot partition, while it is off."""
        write_boot_file(self.disk, name, text)

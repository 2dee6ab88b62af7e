"""The service manager: what it is told, and that nobody who calls during a restart is refused."""

import array
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from appliance.base.http import HttpClient, OutboundPolicy
from appliance.settings_groups import Paths
from appliance.upkeep.systemd import Pulse, ServiceManager, StartingUp, silent_roles, work_done
from tests.support.appliance import ROOT, SECONDS_TO_START, Appliance
from tests.support.ending import kill
from tests.support.ports import free_port


class Manager:
    """A service manager: what it was told, and the sockets it was given."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self.sockets: list[int] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        self._way = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._way.bind(self.address)
        self._way.settimeout(SECONDS_TO_START)

    def env(self, **more: str) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.address, **more}

    def heard(self) -> list[str]:
        """Wait for the next message; give its lines."""
        text, given, _, _ = self._way.recvmsg(4096, socket.CMSG_LEN(4 * 16))
        for level, kind, data in given:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self.sockets.extend(array.array("i", data))
        return text.decode().split("\n")

    def hears_nothing(self) -> bool:
        self._way.setblocking(False)
        try:
            self.heard()
        except BlockingIOError:
            return True
        finally:
            self._way.settimeout(SECONDS_TO_START)
        return False

    def wait_for(self, line: str) -> None:
        while line not in self.heard():
            pass

    def close(self) -> None:
        for process in self.processes:
            kill(process)
        self._way.close()
        for number in self.sockets:
            os.close(number)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    playing = Manager(tmp_path)
    yield playing
    playing.close()


async def nobody() -> list[str]:
    return []


async def the_relay() -> list[str]:
    return ["relay"]


async def test_a_sign_of_life_is_given_while_every_role_answers(manager: Manager) -> None:
    pulse = Pulse(ServiceManager(manager.env(WATCHDOG_USEC="60000000")), nobody)
    await pulse.beat(late=0.0)
    assert manager.heard() == ["WATCHDOG=1"]


async def test_no_sign_of_life_when_a_role_is_silent_or_the_loop_is_late(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    service = ServiceManager(manager.env(WATCHDOG_USEC="60000000"))
    await Pulse(service, the_relay).beat(late=0.0)
    await Pulse(service, nobody).beat(late=30.0)
    assert manager.hears_nothing()
    assert "no answer from relay" in caplog.text
    assert "30.0 s late" in caplog.text


async def test_without_a_watchdog_there_is_no_pulse(manager: Manager) -> None:
    for env in (manager.env(), manager.env(WATCHDOG_USEC="60000000", WATCHDOG_PID="1")):
        await Pulse(ServiceManager(env), nobody).run()
    assert manager.hears_nothing()


async def test_a_role_that_does_not_answer_is_named(
    shared_network: Appliance, tmp_path: Path
) -> None:
    roles = ["directory", "pds", "relay", "labeler", "appview", "admin"]
    async with HttpClient.open(OutboundPolicy()) as http:
        assert await silent_roles(http, Paths(shared_network.data), roles) == []
        assert await silent_roles(http, Paths(tmp_path), ["pds", "relay"]) == ["pds", "relay"]


def test_more_time_is_asked_for_while_a_start_makes_progress(manager: Manager) -> None:
    steps = count()
    starting = StartingUp(ServiceManager(manager.env()), lambda: (next(steps), 0), 0.01)
    starting.begin()
    assert manager.heard() == ["EXTEND_TIMEOUT_USEC=60000000"]
    starting.end()
    starting.end()


def test_no_more_time_for_a_start_that_only_waits(manager: Manager) -> None:
    looks = threading.Semaphore(0)

    def idle() -> tuple[float, int]:
        looks.release()
        return (1.0, 1)

    starting = StartingUp(ServiceManager(manager.env()), idle, 0.001)
    starting.begin()
    for _ in range(5):
        assert looks.acquire(timeout=SECONDS_TO_START)
    starting.end()
    assert manager.hears_nothing()


def test_work_is_computing_or_bytes_of_the_disk() -> None:
    before = work_done()
    while work_done()[0] == before[0]:
        sum(range(100_000))
    assert work_done() > before


def test_sockets_meant_for_another_process_are_left_alone() -> None:
    assert ServiceManager({"LISTEN_FDS": "2", "LISTEN_PID": "1"}).handed_over() == []


def test_where_no_service_manager_is_nothing_is_said_and_a_lost_one_is_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ServiceManager({}).tell("READY=1")
    assert caplog.text == ""
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell("READY=1")
    assert "cannot be told" in caplog.text


@pytest.fixture
def port() -> int:
    return free_port()


def environment(port: int) -> dict[str, str]:
    own = {"HEARTH_ADMIN_PORT": str(port), "HEARTH_ADMIN_HOST": "127.0.0.1"}
    return {**os.environ, **own, "HEARTH_DOOR_PORT": "0"}


def start(manager: Manager, data: Path, port: int) -> subprocess.Popen[bytes]:
    """Run the network as systemd would, with the sockets that were kept."""
    command = 'LISTEN_PID=$$ exec "$@"'
    for index, number in enumerate(manager.sockets):
        command = f"exec {3 + index}<&{number}; {command}"
    handed_over = len(manager.sockets)
    env = manager.env(LISTEN_FDS=str(handed_over), LISTEN_FDNAMES=":".join(["panel"] * handed_over))
    run = [sys.executable, "-m", "appliance", "run", "--data", str(data)]
    process = subprocess.Popen(  # noqa: S603
        ["/bin/bash", "-c", command, "sh", *run],
        cwd=ROOT,
        env={**environment(port), **env},
        pass_fds=manager.sockets,
        stdout=subprocess.DEVNULL,
    )
    manager.processes.append(process)
    return process


def hearth(command: str, data: Path, port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "appliance", command],
        cwd=ROOT,
        env={**environment(port), "HEARTH_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_whoever_calls_between_two_processes_waits_and_is_answered(
    manager: Manager, tmp_path: Path, port: int
) -> None:
    first = start(manager, tmp_path / "data", port)
    manager.wait_for("READY=1")
    assert manager.sockets
    first.terminate()
    manager.wait_for("STOPPING=1")
    assert first.wait(SECONDS_TO_START) == 0
    with socket.create_connection(("127.0.0.1", port), SECONDS_TO_START) as caller:
        caller.sendall(b"GET /xrpc/_health HTTP/1.0\r\nHost: localhost\r\n\r\n")
        second = start(manager, tmp_path / "data", port)
        manager.wait_for("READY=1")
        assert caller.recv(9) == b"HTTP/1.0 "
    second.terminate()
    assert second.wait(SECONDS_TO_START) == 0


def test_the_commands_of_an_installer_tell_health_and_the_link_to_begin(
    manager: Manager, tmp_path: Path, port: int
) -> None:
    data = tmp_path / "data"
    assert hearth("claim", data, port).returncode == 1
    network = start(manager, data, port)
    manager.wait_for("READY=1")
    health = hearth("health", data, port)
    assert (health.returncode, health.stderr) == (0, "")
    assert health.stdout.endswith("answers from admin\n")
    claim = hearth("claim", data, port)
    assert claim.returncode == 0
    assert f"http://127.0.0.1:{port}/claim?code=" in claim.stdout
    network.terminate()
    assert network.wait(SECONDS_TO_START) == 0
    health = hearth("health", data, port)
    assert health.returncode == 1
    assert "no answer from admin" in health.stderr

"""`install.sh`, with a Python that only notes what it is asked; and the locks."""

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ("base", "build", "native", "test")
SCRIPTS = (
    *("install.sh", ".ci/run", "tools/lock.sh", "tools/release.sh", "tools/test.sh"),
    "tests/interop/setup.sh",
)
READ_ONLY = (
    *("systemd/disk.sh", "systemd/machine.sh", "systemd/switch.sh"),
    *("tests/system/boot.sh", "tests/system/possible.sh", "tests/system/raspberry.sh"),
)
# These name the places that Debian gives to what is installed.
OF_DEBIAN = READ_ONLY
OF_A_MACHINE = ("install", "upgrade", "rollback", "uninstall", "status")

# Makes environments holding a copy of itself, and notes each run of pip in `pip.log`.
PYTHON = """#!/bin/sh
printf '%s\\n' "$*" >>"$NOTES/calls"
[ -e "$NOTES/too-old" ] && [ "$1" != -V ] && exit 1
case $* in
-V) echo "Python 3.9.2" ;;
*ensurepip*) [ ! -e "$NOTES/no-venv" ] ;;
"-I -m venv "*)
    mkdir -p "$4/bin" && cp "$0" "$4/bin/python" && echo "command = $0 $*" >"$4/pyvenv.cfg" ;;
*"-m pip install"*) echo "$*" >>"$NOTES/pip"; [ ! -e "$NOTES/no-network" ] ;;
*"-m appliance"*) printf '<%s>' "$@" ;;
esac
"""
# Not root, so that no test meets apt.
SOMEBODY = "#!/bin/sh\necho 1000\n"


class Checkout:
    """A folder with `install.sh` and locks, and the commands it finds there first."""

    def __init__(self, around: Path) -> None:
        self.folder = around / "my checkout"
        self.notes = around / "notes"
        self.commands = around / "bin"
        for folder in (self.folder, self.notes, self.commands):
            folder.mkdir()
        shutil.copy(ROOT / "install.sh", self.folder)
        for name in ("tools", "systemd"):
            shutil.copytree(ROOT / name, self.folder / name)
        self.command("id", SOMEBODY)
        for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
            self.command(name, PYTHON)

    def command(self, name: str, text: str) -> None:
        path = self.commands / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        search = f"{self.commands}:{os.environ['PATH']}"
        return subprocess.run(  # noqa: S603
            [str(self.folder / "install.sh"), *args],
            env={"PATH": search, "NOTES": str(self.notes)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def set(self, state: str) -> None:
        (self.notes / state).touch()

    def clear(self, state: str) -> None:
        (self.notes / state).unlink()

    def count(self, what: str) -> int:
        calls = self.notes / "calls"
        return calls.read_text().count(what) if calls.exists() else 0


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def pins(lock: str) -> Iterator[tuple[str, str, int]]:
    """Yield each requirement of a lock: its name, its version, how many hashes it has."""
    text = (ROOT / "tools" / "locks" / f"{lock}.txt").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        found = re.fullmatch(
            r"([a-z0-9.-]+)==(\S+)( ; [^-]+)?((?: +--hash=sha256:[0-9a-f]{64})+)", line
        )
        assert found, line[:60]
        yield found[1], found[2], found[4].count("--hash")


def test_usage_names_both_commands(checkout: Checkout) -> None:
    for args in ((), ("help",), ("--help",)):
        done = checkout.run(*args)
        assert done.returncode == 0
        assert "./install.sh try" in done.stdout
        assert "./install.sh test [fast]" in done.stdout


@pytest.mark.parametrize("args", [("frob",), ("test", "frob"), ("Try",), ("help!",)])
def test_unknown_commands_are_refused(checkout: Checkout, args: tuple[str, ...]) -> None:
    done = checkout.run(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage:")
    assert not (checkout.folder / ".venv").exists()


@pytest.mark.parametrize("verb", OF_A_MACHINE)
def test_what_changes_the_machine_needs_root_and_says_so(checkout: Checkout, verb: str) -> None:
    done = checkout.run(verb)
    assert done.returncode == 1
    assert f"sudo ./install.sh {verb}" in done.stderr
    assert checkout.count("") == 0
    assert f"./install.sh {verb}" in checkout.run("help").stdout


def test_packages_that_came_along_are_used_and_no_network(checkout: Checkout) -> None:
    (checkout.folder / "wheels").mkdir()
    checkout.run("try")
    first = (checkout.notes / "pip").read_text().splitlines()[0]
    assert f"--no-index --find-links {checkout.folder}/wheels" in first


def test_half_a_script_does_nothing() -> None:
    text = (ROOT / "install.sh").read_text()
    assert text.endswith('\nstart "$@"\n')
    whole = text.removesuffix('start "$@"\n').encode()
    for script in (whole, whole[: len(whole) // 2] + b"\n"):
        done = subprocess.run(
            ["/bin/sh", "-s", "help"], input=script, capture_output=True, check=False, timeout=300
        )
        assert done.stdout == b""


def test_arguments_are_passed_on_as_they_are(checkout: Checkout) -> None:
    done = checkout.run("try", "--data", "a folder", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "<-P><-m><appliance><try><--data><a folder><--json>"


def test_a_second_start_installs_nothing(checkout: Checkout) -> None:
    checkout.run("try")
    before = (checkout.count("-m venv"), checkout.count("pip install"))
    assert before[0] == 1
    assert before[1] >= 1
    done = checkout.run("try")
    assert (checkout.count("-m venv"), checkout.count("pip install")) == before
    assert done.stderr == ""


def test_only_pinned_wheels_are_installed(checkout: Checkout) -> None:
    checkout.run("try")
    first = (checkout.notes / "pip").read_text().splitlines()[0]
    assert "--require-hashes --only-binary :all:" in first
    assert first.endswith("tools/locks/base.txt")


def test_a_changed_lock_is_picked_up_and_the_change_back_too(checkout: Checkout) -> None:
    lock = checkout.folder / "tools" / "locks" / "base.txt"
    text = lock.read_text()
    checkout.run("try")
    for number, content in enumerate((text + "# changed\n", text), start=2):
        lock.write_text(content)
        assert checkout.run("try").returncode == 0
        assert checkout.count("base.txt") == number
    assert checkout.count("-m venv") == 1


def test_a_failed_installation_says_so_and_the_next_run_starts_afresh(checkout: Checkout) -> None:
    checkout.set("no-network")
    done = checkout.run("try")
    assert done.returncode == 1
    assert "could not be installed" in done.stderr
    assert "check the network" in done.stderr
    assert "appliance" not in done.stdout
    left_over = checkout.folder / ".venv" / "lib-of-a-half-installed-package"
    left_over.touch()
    checkout.clear("no-network")
    assert checkout.run("try").returncode == 0
    assert not left_over.exists()
    assert checkout.count("-m venv") == 2


def test_a_moved_folder_gets_an_environment_of_its_own(checkout: Checkout) -> None:
    checkout.run("try")
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("elsewhere"))
    assert checkout.run("try").returncode == 0
    assert checkout.count("-m venv") == 2


def test_an_environment_that_is_only_linked_to_is_left_alone(
    checkout: Checkout, tmp_path: Path
) -> None:
    checkout.run("packages")
    other = tmp_path / "other"
    (checkout.folder / ".venv").rename(other)
    (other / "pyvenv.cfg").write_text("command = python3 -m venv elsewhere\n")
    (checkout.folder / ".venv").symlink_to(other)
    before = sorted(path.name for path in other.rglob("*"))
    assert checkout.run("packages").returncode == 0
    assert (checkout.folder / ".venv/bin/python").exists()
    assert not (checkout.folder / ".venv").is_symlink()
    assert sorted(path.name for path in other.rglob("*")) == before


def test_a_missing_venv_module_says_what_to_install(checkout: Checkout) -> None:
    checkout.set("no-venv")
    done = checkout.run("try")
    assert done.returncode == 1
    assert "cannot make virtual environments" in done.stderr
    assert "sudo apt install python3-venv" in done.stderr


def test_an_old_python_says_what_is_needed(checkout: Checkout) -> None:
    checkout.set("too-old")
    done = checkout.run("try")
    assert done.returncode == 1
    assert "no Python 3.11 to 3.14 was found, only Python 3.9.2" in done.stderr
    assert "use Debian 12 or 13" in done.stderr


UBUNTU = "ID=ubuntu\nID_LIKE=debian\n"
PI = (
    'ID=raspbian\nID_LIKE=debian\nPRETTY_NAME="Raspbian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\n'
)
SYSTEMS = {
    # Raspberry Pi OS of 64 bits says the same as Debian.
    "Debian 12": ('ID=debian\nVERSION_ID="12"\n', "arm64", ""),
    "Debian 13": ('ID=debian\nVERSION_ID="13"\n', "amd64", ""),
    "Debian testing": ('ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"\n', "amd64", ""),
    "Ubuntu 24.04": (UBUNTU + 'VERSION_ID="24.04"\n', "amd64", ""),
    "Ubuntu 24.04 on ARM": (UBUNTU + 'VERSION_ID="24.04"\n', "arm64", ""),
    "Ubuntu 26.04": (UBUNTU + 'VERSION_ID="26.04"\n', "amd64", ""),
    "Mint 22": ('ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\n', "amd64", ""),
    "Raspberry Pi OS, 32 bits": (PI, "armhf", "no packages for a system of armhf"),
    "Debian 12, 32 bits": ('ID=debian\nVERSION_ID="12"\n', "i386", "a system of i386"),
    "Debian 11": (
        'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\n',
        "amd64",
        "Debian GNU/Linux 11 (bullseye) is too old",
    ),
    "Raspberry Pi OS of 2021": (PI.replace("12", "11"), "armhf", "is too old"),
    "Ubuntu 22.04": (
        UBUNTU + 'VERSION_ID="22.04"\nPRETTY_NAME="U 22"\n',
        "amd64",
        "U 22 is too old",
    ),
    "Fedora": (
        'ID=fedora\nVERSION_ID=42\nPRETTY_NAME="Fedora Linux 42"\n',
        "",
        "this is Fedora Linux 42, no Debian",
    ),
    "Alpine": (
        'ID=alpine\nVERSION_ID=3.22.0\nPRETTY_NAME="Alpine 3.22"\n',
        "",
        "this is Alpine 3.22, no",
    ),
    "nothing said": ("", "amd64", "unknown to "),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_it_is_installed_on_is_looked_at_first(name: str, tmp_path: Path) -> None:
    said, machine, refused = SYSTEMS[name]
    file = tmp_path / "os-release"
    if said:
        file.write_text(said)
    lines = f"""
        fail() {{ printf '%s; %s' "$@"; exit 1; }}
        dpkg() {{ echo {machine}; }}
        here=. verb=install
        . {ROOT}/systemd/machine.sh
        system_file={file}
        need_system
    """
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", "-euc", lines], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.stderr == ""
    assert refused in done.stdout
    assert done.returncode == bool(refused)
    assert not refused or "; use " in done.stdout


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_version_and_hashes(lock: str) -> None:
    found = list(pins(lock))
    assert found
    assert all(hashes for _, _, hashes in found)
    assert len({(name, version) for name, version, _ in found}) == len(found)


def test_the_locks_agree_with_each_other_and_with_the_project() -> None:
    base, test = ({name: version for name, version, _ in pins(lock)} for lock in ("base", "test"))
    assert base.items() <= test.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["fast"]]
    assert {re.split(r"[<>=;\s]", each)[0] for each in asked} <= base.keys()


def test_the_security_page_names_every_package_that_is_installed() -> None:
    section = (ROOT / "docs/security.md").read_text().partition("## Packages")[2]
    told = set(re.findall(r"`([a-z0-9-]+)`", section.partition("\n## ")[0]))
    assert {name for name, _, _ in pins("base")} <= told


def test_no_index_and_no_path_of_a_machine_is_written_down() -> None:
    units = [f"systemd/{path.name}" for path in (ROOT / "systemd").glob("hearth*")]
    locks = [f"tools/locks/{path.name}" for path in (ROOT / "tools/locks").iterdir()]
    for name in (*SCRIPTS, *READ_ONLY, *locks, *units):
        text = (ROOT / name).read_text()
        assert "://" not in text, name
        if name in OF_DEBIAN or name in units:
            continue
        assert not re.search(r"(?<![\w.$}\"*])/(home|root|work|opt|tmp|srv)\b", text), name


@pytest.mark.parametrize("name", SCRIPTS + READ_ONLY)
def test_scripts_can_be_started_and_parse(name: str) -> None:
    path = ROOT / name
    assert os.access(path, os.X_OK) or name in READ_ONLY
    shell = "bash" if "bash" in path.read_text().splitlines()[0] else "sh"
    subprocess.run([shell, "-n", str(path)], check=True, timeout=300)  # noqa: S603


def test_the_installer_stays_readable_in_one_sitting() -> None:
    assert len((ROOT / "install.sh").read_text().splitlines()) < 200


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("hearth: cannot listen: 0.0.0.0 port 2580: in use", "cannot listen: 0.0.0.0 port 2580"),
        (
            "hearth.service: Failed at step USER spawning /opt/x/python: Invalid argument",
            "systemd cannot confine it here (USER: Invalid argument); a container needs nesting",
        ),
        ("hearth.service: Main process exited", "see: journalctl -u hearth"),
    ],
)
def test_why_it_does_not_answer_is_what_the_service_or_systemd_said(line: str, told: str) -> None:
    lines = f"""
        journalctl() {{ echo 'hearth: says something'; echo '{line}'; echo 'Stopped.'; }}
        . {ROOT}/systemd/machine.sh
        why
    """
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", "-euc", lines], capture_output=True, text=True, check=False, timeout=300
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.startswith(told)

"""`tools/release.sh`: the same commit gives the same archive, and networks believe the channel."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.updates.archives import prove, unpack
from appliance.updates.channel import Release, read_channel
from appliance.updates.signatures import TrustedKeys
from tools.wheels import PYTHONS, lock_for

ROOT = Path(__file__).parents[1]
MAKER, LOCK = "tools/make_release.py", "tools/locks/base.txt"
VERSION = '"""The version."""\n\nVERSION = "{}"\n'
CHANGES = "# Changes\n\n## 1.0.0\n\nAll of it.\n\n## 0.9.0\n\nLess.\n"


class Checkout:
    """A small checkout with a history of its own."""

    def __init__(self, around: Path) -> None:
        self.folder = around / "checkout"
        self.channel = around / "channel"
        self.key = around / "release.key"
        for name in (MAKER, LOCK, "pyproject.toml", "install.sh"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.folder / name)
        for name in ("appliance", "web", "systemd"):
            (self.folder / name).mkdir()
            (self.folder / name / "file").write_text(name)
        self.write("README.md", "")
        self.write("CHANGES.md", CHANGES)
        self.write("appliance/version.py", VERSION.format("1.0.0"))
        self.git("init", "-q")
        self.commit()
        self.release("key", str(self.key))

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def git(self, *args: str) -> str:
        author = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com"}
        committer = {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com"}
        done = subprocess.run(  # noqa: S603
            ["/usr/bin/env", "git", *args],
            cwd=self.folder,
            env={**os.environ, **author, **committer},
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return done.stdout.strip()

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a change")

    def release(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603
            [sys.executable, "tools/make_release.py", *args],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def make(self) -> subprocess.CompletedProcess[str]:
        return self.release("make", str(self.channel), "--key", str(self.key))

    def read(self) -> tuple[Release, ...]:
        """Read the channel as a network does."""
        content = (self.channel / "channel.json").read_bytes()
        signature = (self.channel / "channel.json.minisig").read_text()
        trusted = TrustedKeys.parse(self.key.with_suffix(".pub").read_text())
        return read_channel(content, signature, trusted, now=time.time(), not_before=0).releases


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_release_is_believed_and_holds_the_files_of_the_commit(checkout: Checkout) -> None:
    assert checkout.key.stat().st_mode & 0o077 == 0
    done = checkout.make()
    assert done.returncode == 0, done.stderr
    (release,) = checkout.read()
    assert (release.version, release.python, release.changes) == ("1.0.0", "3.11", "All of it.")
    archive = release.archive_for("x86_64")
    path = checkout.channel / archive.name
    prove(path, archive)
    unpack(path, checkout.channel / "unpacked")
    assert (checkout.channel / "unpacked/web/file").read_text() == "web"
    assert (checkout.channel / "unpacked/install.sh").stat().st_mode & 0o777 == 0o755
    public = checkout.key.with_suffix(".pub").read_text()
    assert (checkout.channel / "unpacked/release.pub").read_text() == public


def test_a_release_says_of_what_it_consists(checkout: Checkout) -> None:
    assert checkout.make().returncode == 0
    unpack(checkout.channel / "hearth-1.0.0.tar.gz", checkout.channel / "unpacked")
    bill = json.loads((checkout.channel / "unpacked/hearth.cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    own = bill["metadata"]["component"]
    commit = checkout.git("rev-parse", "HEAD")
    assert (own["version"], own["purl"]) == ("1.0.0", f"pkg:generic/hearth@1.0.0?commit={commit}")
    lines = (ROOT / LOCK).read_text().splitlines()
    pinned = [line.split()[0] for line in lines if "==" in line]
    assert len(pinned) > 20
    assert [f"{each['name']}=={each['version']}" for each in bill["components"]] == pinned
    assert all(each["purl"].startswith("pkg:pypi/") for each in bill["components"])


def test_the_same_commit_gives_the_same_bytes(checkout: Checkout) -> None:
    checkout.make()
    archive = checkout.channel / "hearth-1.0.0.tar.gz"
    before = archive.read_bytes()
    archive.unlink()
    for path in checkout.folder.rglob("file"):
        os.utime(path, (0, 0))
        path.chmod(0o600)
    assert checkout.make().returncode == 0
    assert archive.read_bytes() == before


def test_what_was_published_is_never_published_again_with_other_content(
    checkout: Checkout,
) -> None:
    checkout.make()
    before = (checkout.channel / "hearth-1.0.0.tar.gz").read_bytes()
    checkout.write("web/file", "changed")
    refused = checkout.make()
    assert refused.returncode == 1
    assert "not committed" in refused.stderr
    checkout.commit()
    refused = checkout.make()
    assert refused.returncode == 1
    assert "raise the version" in refused.stderr
    assert (checkout.channel / "hearth-1.0.0.tar.gz").read_bytes() == before
    checkout.write("appliance/version.py", VERSION.format("1.1.0"))
    checkout.commit()
    assert "CHANGES.md says nothing of 1.1.0" in checkout.make().stderr
    checkout.write("CHANGES.md", CHANGES.replace("## 1.0.0", "## 1.1.0\n\nMore.\n\n## 1.0.0"))
    checkout.commit()
    assert checkout.make().returncode == 0
    assert [each.version for each in checkout.read()] == ["1.0.0", "1.1.0"]


def test_a_key_is_never_written_over(checkout: Checkout) -> None:
    before = checkout.key.read_text()
    assert checkout.release("key", str(checkout.key)).returncode == 1
    assert checkout.key.read_text() == before


def test_what_a_lock_pins_for_a_python_is_not_for_the_one_that_asks() -> None:
    for_all = "a==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:ab\n"
    hashes = " \\\n    --hash=sha256:bb\n"
    lock = for_all + f"b==2.0 ; python_full_version < '3.13'{hashes}"
    lock += f"c==3 ; python_full_version < '3.9' and sys_platform == 'linux'{hashes}"
    assert lock_for(lock, "3.12") == f"{for_all}b==2.0{hashes}"
    assert lock_for(lock, "3.13") == lock_for(lock, "3.14") == for_all


@pytest.mark.parametrize("python", PYTHONS)
def test_our_lock_is_kept_whole_for_each_python_but_for_what_is_not_made_for_it(
    python: str,
) -> None:
    lock = (ROOT / LOCK).read_text()
    names = set(re.findall(r"(?m)^([\w.-]+)==", lock))
    kept = lock_for(lock, python)
    wanted = names.copy()
    if python in ("3.13", "3.14"):
        wanted.discard("typing-extensions")
    if python == "3.14":
        wanted.discard("coincurve")
    assert set(re.findall(r"(?m)^([\w.-]+)==", kept)) == wanted
    assert ";" not in kept

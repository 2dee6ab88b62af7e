"""What root runs is ours, wherever root stands and whatever the service has written."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ("install.sh", *(f"systemd/{each.name}" for each in (ROOT / "systemd").iterdir()))
# Whatever a Python is called by there, and the options that keep it from the folder one stands in.
CALLED = re.compile(r"(?:bin/python|\$python|\$name|python3)\"? (?P<rest>-[^V].*)")
DECOYS = ("ensurepip", "venv", "pip", "compileall", "json", "sqlite3", "appliance")


def test_no_module_is_taken_from_the_folder_one_stands_in(tmp_path: Path) -> None:
    checkout, here = tmp_path / "checkout", tmp_path / "here"
    (checkout / "tools/locks").mkdir(parents=True)
    here.mkdir()
    shutil.copy(ROOT / "install.sh", checkout)
    for lock in ("base", "build", "native"):
        (checkout / f"tools/locks/{lock}.txt").write_text("")
    for name in DECOYS:
        (here / f"{name}.py").write_text(f"open('{here}/ran-{name}', 'w')\n")
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", str(checkout / "install.sh"), "packages"],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert not list(here.glob("ran-*"))
    assert done.returncode == 0, done.stderr
    assert (checkout / ".venv/bin/pip").exists()


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_python_is_kept_from_that_folder(name: str) -> None:
    for found in CALLED.finditer((ROOT / name).read_text()):
        assert found["rest"].startswith(("-I ", "-P ")), found[0]


def test_that_look_sees_what_it_is_for() -> None:
    assert CALLED.search('"$venv/bin/python" -m pip')
    assert CALLED.search("    python3 -c '")
    assert sum(len(CALLED.findall((ROOT / name).read_text())) for name in SCRIPTS) > 10


def test_a_name_of_two_lines_in_the_data_is_one_name(tmp_path: Path) -> None:
    data, kept, elsewhere = (tmp_path / name for name in ("data", "kept", "elsewhere"))
    for folder in (data, elsewhere):
        folder.mkdir()
    (data / "pds.sqlite").write_bytes(b"")
    # Its second line is an option for cp, and the folder that it names one where root may write.
    (data / "x").write_text("of one line")
    (data / "x\n--target-directory=way").write_text("of two lines")
    (data / "way").symlink_to(elsewhere)
    text = (ROOT / "systemd/switch.sh").read_text().removesuffix('main "$@"\n')
    before = sorted(path.name for path in data.iterdir() if not path.is_symlink())
    lines = f"""
        {text}
        data={data} kept={kept}
        schemas() {{ echo none; }}
        copy_data {kept}/before-2
        echo changed >{data}/pds.sqlite
        restore_data {kept}/before-2
    """
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", "-euc", lines],
        cwd=data,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert list(elsewhere.iterdir()) == []
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in data.iterdir() if not path.is_symlink()) == before
    assert (data / "pds.sqlite").read_bytes() == b""

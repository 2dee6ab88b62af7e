import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
USE_IT = """
from importlib.resources import files
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.base.pages import Pages, web_root
import appliance
assert load_catalog().has("com.atproto.repo.createRecord")
assert (files("appliance.pds") / "schema" / "0001_accounts.sql").is_file()
assert (web_root() / "templates" / "frame.html").is_file()
print(appliance.__file__)
"""


def test_the_wheel_holds_templates_lexicons_and_schemas(tmp_path: Path) -> None:
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=300,
    )
    (wheel,) = tmp_path.glob("*.whl")
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        (licence,) = (name for name in archive.namelist() if "licenses/" in name)
        assert b"the Hearth authors" in archive.read(licence)
        (about,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        assert "License-Expression: MIT\n" in archive.read(about).decode()
    zipfile.ZipFile(wheel).extractall(unpacked)
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", USE_IT],
        cwd=tmp_path,
        env={"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(unpacked))

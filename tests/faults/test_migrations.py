"""A change of schema is killed anywhere: it is done wholly, or goes on where it was."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from appliance.base.connection import Connection
from tests.support.appliance import ROOT, Appliance
from tests.support.client import join

pytestmark = pytest.mark.slow

SCHEMAS = {
    "appview": "appliance/appview/schema",
    "directory": "appliance/directory/schema",
    "labeler": "appliance/labeler/schema",
    "neighbours": "appliance/neighbours/schema",
    "pds": "appliance/pds/schema",
    "relay": "appliance/relay/schema",
    "viewers": "appliance/appview/schema_viewers",
}


@pytest.fixture
def work() -> Iterator[Path]:
    """A folder in memory, if there is one: to die there is the same, and quicker."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a network with some life in it."""
    data = tmp_path_factory.mktemp("house") / "data"
    ours = Appliance(data=data, bare=False)
    asyncio.run(live(ours.pds))
    ours.finish()
    return data


async def live(pds: str) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        ann, bob = [await join(http, pds, name) for name in ("ann", "bob")]
        for number in range(40):
            await (ann if number % 2 else bob).write_post(f"number {number}")
        await ann.sees(await ann.write_post("the last"))


def killed(database: Path, schema: Path, work: Path, most: int) -> dict[str, int]:
    command = [sys.executable, "-m", "tests.support.killed_migrations"]
    done = subprocess.run(  # noqa: S603
        [*command, str(database), str(schema), str(work), str(most)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


def test_every_database_is_known_here() -> None:
    found = {str(path.parent.relative_to(ROOT)) for path in ROOT.glob("appliance/*/schema*/0001*")}
    assert found == set(SCHEMAS.values())


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_database_made_from_nothing_survives_a_kill_at_any_point(name: str, work: Path) -> None:
    counts = killed(work / "none", ROOT / SCHEMAS[name], work, 60)
    assert counts["killed"] == counts["tried"]
    assert counts["early"] >= 50


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_migration_of_every_row_survives_a_kill_at_any_point(
    name: str, house: Path, work: Path
) -> None:
    database = house / f"{name}.sqlite"
    if not database.exists():
        pytest.fail(f"the network has made no {database.name}")
    schema = work / "schema"
    shutil.copytree(ROOT / SCHEMAS[name], schema)
    (schema / "9998_of_a_test.sql").write_text(changes(database))
    (schema / "9999_of_a_test.sql").write_text("CREATE TABLE of_a_test (id INTEGER) STRICT;\n")
    counts = killed(database, schema, work, 60)
    assert counts["killed"] == counts["tried"]
    assert counts["early"] >= 50


@pytest.mark.parametrize("before_the_table", [True, False])
def test_a_file_of_a_lower_number_and_the_notes_of_files_survive_a_kill_at_any_point(
    house: Path, work: Path, *, before_the_table: bool
) -> None:
    """Also where nothing is noted yet, and all up to the version counts as done."""
    shutil.copy(house / "directory.sqlite", work / "begun")
    schema = work / "schema"
    shutil.copytree(ROOT / SCHEMAS["directory"], schema)
    if before_the_table:
        with closing(Connection(work / "begun", writable=True)) as conn:
            conn.execute("DROP TABLE schema_file")
    (schema / "9999_of_a_test.sql").write_text(changes(house / "directory.sqlite"))
    if not before_the_table:
        with closing(Connection(work / "begun", writable=True)) as conn:
            conn.execute("INSERT INTO schema_file VALUES (8000, '8000_of_a_test.sql')")
            conn.pragma("user_version", 8000)
        (schema / "8000_of_a_test.sql").write_text("CREATE TABLE there_already (id INTEGER);")
        (schema / "9999_of_a_test.sql").rename(schema / "7000_of_a_test.sql")
    counts = killed(work / "begun", schema, work, 60)
    assert counts["killed"] == counts["tried"]
    assert counts["early"] >= 50


def changes(database: Path) -> str:
    """Write a migration that changes every row of every table, and makes an index of each."""
    with closing(Connection(database, writable=False)) as conn:
        made = conn.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
    virtual = [name for name, sql in made if str(sql).startswith("CREATE VIRTUAL")]
    lines = []
    for name, sql in made:
        shadow = any(name.startswith(f"{each}_") for each in virtual)
        if not sql or shadow or name in virtual or name.startswith("sqlite_"):
            continue
        lines += [
            f'ALTER TABLE "{name}" ADD COLUMN of_a_test INTEGER;',
            f'UPDATE "{name}" SET of_a_test = 7;',  # noqa: S608
            f'CREATE INDEX "{name}_of_a_test" ON "{name}" (of_a_test);',
        ]
    return "\n".join(lines)

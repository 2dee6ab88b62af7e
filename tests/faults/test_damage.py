"""One flipped bit, a blob that is gone or another: what has a checksum is never served wrong."""

import asyncio
import random
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from appliance.atproto.tid import TidClock
from appliance.base.connection import Connection
from appliance.base.damage import damage_in
from appliance.commands import checkup
from appliance.commands.parser import parser
from appliance.pds import soundness
from tests.support import bit_flips
from tests.support.appliance import ROOT
from tests.support.client import Client, Refused
from tests.support.faulty_disk import folder_in_memory
from tests.support.invariants import faults_in
from tests.support.scripted_day import Day
from tests.support.whole_house import House, Place, opened, place

pytestmark = pytest.mark.slow

# Whatever a signature or a hash of the protocol covers.
COVERED = {
    ("record", "cid"): "records do not add up",
    ("record", "block"): "is not what was signed",
    ("record", "path"): "records do not add up",
    ("repo", "commit_block"): "",
    ("repo", "commit_cid"): "",
    ("repo", "data"): "",
    ("repo", "rev"): "commit is not the one that was signed",
    ("signing_key", "private"): "not signed by the account's key",
    ("signing_key", "curve"): "the key that signs is damaged",
}
DATABASES = ("appview", "directory", "labeler", "neighbours", "pds", "relay", "viewers")
FLIPS = 2
PAGE = ROOT / "docs/reliability.md"
# Nothing says what these should be: a copy is the only help. Told in docs/reliability.md.
NOT_COVERED = {
    ("account", "email"),
    ("preference", "items"),
    ("app_password", "password_hash"),
}


@pytest.fixture(scope="module")
def where() -> Iterator[Place]:
    with place() as taken:
        yield taken


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with folder_in_memory() as found:
        yield found


@pytest.fixture(scope="module")
def whole(where: Place, folder: Path) -> Path:
    """A network after a day."""
    asyncio.run(live(where, folder / "whole"))
    return folder / "whole"


async def live(where: Place, data: Path) -> None:
    clock = TidClock(lambda: time.time_ns() // 1000)
    async with opened(where, data) as house:
        day = await Day.begin(house, random.Random(5), clock)  # noqa: S311
        await day.steps(60)
        for _ in range(4):
            await day.write_picture()
            await day.write_post()
    assert faults_in(data, day.promises) == []


def flip(value: bytes | str, dice: random.Random) -> bytes | str:
    """Change one bit; a text stays one."""
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    place = dice.randrange(len(raw))
    raw[place] ^= 1
    return raw.decode() if isinstance(value, str) else bytes(raw)


def flip_in(data: Path, table: str, column: str, dice: random.Random) -> None:
    with closing(Connection(data / "pds.sqlite", writable=True)) as conn:
        conn.pragma("foreign_keys", False)
        key = "rowid" if table != "app_password" else "name"
        rows = conn.rows(f'SELECT {key}, "{column}" FROM "{table}"')  # noqa: S608
        row, value = dice.choice(rows)
        conn.execute(
            f'UPDATE "{table}" SET "{column}" = ? WHERE {key} = ?',  # noqa: S608
            (flip(value, dice), row),
        )


def damaged(whole: Path, name: str) -> Path:
    target = whole.parent / name
    shutil.copytree(whole, target, ignore=shutil.ignore_patterns("run"))
    return target


def faults_of(data: Path) -> list[str]:
    with closing(Connection(data / "pds.sqlite", writable=False)) as conn:
        return soundness.examine(conn, data / "blobs", lambda *_: None).faults


@pytest.mark.parametrize(("table", "column"), COVERED)
def test_a_flipped_bit_is_found_and_named_with_its_account(
    whole: Path, table: str, column: str
) -> None:
    dice = random.Random(f"{table}.{column}")  # noqa: S311
    for number in range(5):
        data = damaged(whole, f"{table}-{column}-{number}")
        flip_in(data, table, column, dice)
        faults = faults_of(data)
        assert any(COVERED[table, column] in fault for fault in faults), faults
        assert {fault.partition(": ")[0][:8] for fault in faults} == {"did:plc:"}
        shutil.rmtree(data)


@pytest.fixture(scope="module")
def lived_in(whole: Path) -> Path:
    """The same with a row in each table, each database in one file."""
    data = damaged(whole, "lived-in")
    bit_flips.prepare(data)
    return data


@pytest.mark.parametrize("database", DATABASES)
def test_no_flipped_bit_changes_unseen_what_is_signed_or_hashed(
    lived_in: Path, folder: Path, database: str
) -> None:
    scratch = folder / f"flipped-{database}"
    scratch.mkdir()
    assert damage_in(lived_in / f"{database}.sqlite", indexes=True) == []
    silent, unnoticed = [], set()
    for name, table, found in bit_flips.flips(lived_in, scratch, FLIPS, 1, database):
        silent += [f"{name}.{table}" for each in found if each.is_silent]
        if not any(each.by for each in found):
            unnoticed.add((name, table))
    assert silent == []
    assert not unnoticed & bit_flips.COVERED.keys()
    shutil.rmtree(scratch)


def test_the_page_says_of_every_table_who_notices(lived_in: Path) -> None:
    told = set(re.findall(r"`(\w+\.\w+)`", PAGE.read_text().partition("## A flipped bit")[2]))
    there = set()
    for name in DATABASES:
        with closing(Connection(lived_in / f"{name}.sqlite", writable=False)) as conn:
            there |= {f"{name}.{table}" for table in bit_flips.tables(conn)}
    assert {path.stem for path in lived_in.glob("*.sqlite")} == set(DATABASES)
    assert told >= there, there - told
    assert {each for each in told if each.split(".")[0] in DATABASES} == there


async def blobs_of(house: House) -> list[tuple[str, str]]:
    stranger = Client(house.http, house.pds_url)
    found = []
    for repo in (await stranger.get("com.atproto.sync.listRepos"))["repos"]:
        if repo["active"]:
            listed = await stranger.get("com.atproto.sync.listBlobs", did=repo["did"])
            found += [(repo["did"], cid) for cid in listed["cids"]]
    return found


async def test_no_record_and_no_blob_is_served_that_is_not_what_its_cid_says(
    where: Place, whole: Path
) -> None:
    data = damaged(whole, "served")
    dice = random.Random(11)  # noqa: S311
    with closing(Connection(data / "pds.sqlite", writable=True)) as conn:
        did, path, block = dice.choice(
            conn.rows(
                "SELECT did, path, block FROM record JOIN repo ON repo.id = repo"
                " JOIN account USING (did) WHERE takedown IS NULL AND path LIKE '%post%'"
            )
        )
        conn.execute("UPDATE record SET block = ? WHERE path = ?", (flip(block, dice), path))
    collection, _, rkey = path.partition("/")
    at = {"repo": did, "collection": collection}
    async with opened(where, data) as house:
        stranger = Client(house.http, house.pds_url)
        with pytest.raises(Refused) as refused:
            await stranger.get("com.atproto.repo.getRecord", **at, rkey=rkey)
        assert refused.value.status == 500
        with pytest.raises(Refused):
            await stranger.get("com.atproto.repo.listRecords", **at)
        # The others are served.
        [[owner, gone], [other, changed], *rest] = await blobs_of(house)
        assert rest
        for each, cid in rest:
            blob = await stranger.raw(
                "GET", "/xrpc/com.atproto.sync.getBlob", params={"did": each, "cid": cid}
            )
            assert blob.status == 200
        [lost] = (data / "blobs").rglob(gone)
        lost.unlink()
        [file] = (data / "blobs").rglob(changed)
        file.write_bytes(bytes(flip(file.read_bytes(), dice)))  # type: ignore[arg-type]
        for each, cid in ((owner, gone), (other, changed)):
            with pytest.raises((Refused, aiohttp.ClientError)):
                await stranger.get("com.atproto.sync.getBlob", did=each, cid=cid)
    named = [fault for fault in faults_of(data) if "blob" in fault]
    assert sorted(named) == sorted(
        [f"{owner}: the blob {gone} is missing", f"{other}: the blob {changed} is damaged"]
    )
    assert any(path in fault for fault in faults_of(data))


def flipped_below(data: Path, often: int) -> list[str]:
    """Flip bits of the records' pages until so many records are damaged, the file still whole."""
    path = data / "pds.sqlite"
    with closing(Connection(path, writable=True)) as conn:
        conn.pragma("journal_mode", "DELETE")
    for seed in range(200):
        before = path.read_bytes()
        known = faults_of(data)
        bit_flips.flip(path, "record", random.Random(seed))  # noqa: S311
        found = [] if damage_in(path, indexes=True) else faults_of(data)
        if {fault.partition(": ")[2][:10] for fault in found} != {"the record"}:
            path.write_bytes(before)
        elif len(found) == often:
            return found
        elif found == known:
            path.write_bytes(before)
    raise AssertionError("no bit of a record was ever met")


async def test_what_was_flipped_below_the_database_is_put_right_by_one_command(
    where: Place, whole: Path
) -> None:
    data = damaged(whole, "mended")
    assert len(flipped_below(data, 3)) == 3
    said: list[str] = []
    async with opened(where, data):
        for order, wrong in (((), 1), (("--mend",), 0), ((), 0)):
            args = parser().parse_args(["checkup", *order, "--data", str(data)])
            said.clear()
            await asyncio.to_thread(checkup.run, args, said.append)
            assert sum("BAD  Records" in line for line in said) == wrong, said
    assert faults_of(data) == []


@pytest.mark.parametrize(("table", "column"), sorted(NOT_COVERED))
def test_what_no_checksum_covers_is_told_to_be_so(whole: Path, table: str, column: str) -> None:
    """So that the table in docs/reliability.md stays true: these are found by nobody."""
    data = damaged(whole, f"{table}-{column}")
    flip_in(data, table, column, random.Random(3))  # noqa: S311
    assert faults_of(data) == []
    shutil.rmtree(data)

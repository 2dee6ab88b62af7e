"""A disk that fills up: nothing new is kept, what is there can be used, and it mends by itself."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.appliance import Appliance
from tests.support.client import Member, Ref, Refused, join, sign_in, soon, uris
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.root]

MIB = 1024**2
# Below this much free (a twentieth) nothing new is kept.
DISK = 240 * MIB


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "tmpfs", str(place)]
    subprocess.run(mount, check=True, timeout=300)  # noqa: S603
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True, timeout=300)  # noqa: S603, S607


def free(disk: Path) -> int:
    told = os.statvfs(disk)
    return told.f_bavail * told.f_frsize


def fill(disk: Path, left: int) -> None:
    """Let somebody else's file take all but so many bytes."""
    piece = 16 * MIB
    with (disk / "filler").open("ab") as file:
        while (much := min(free(disk) - left, piece)) > 0:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), much)
            except OSError:
                # Whoever writes meanwhile takes of the same room: go on with less.
                piece = much // 2


async def is_refused(writing: Awaitable[object]) -> bool:
    try:
        await writing
    except Refused as refused:
        return (refused.status, refused.error) == (503, "NotEnoughResources")
    return False


async def use(ours: Appliance, member: Member, post: Ref) -> None:
    """Do what has to work on a full disk: sign in, read, take out, delete."""
    anew = await sign_in(member.http, ours.pds, member.handle)
    assert uris(await anew.get("app.bsky.feed.getAuthorFeed", actor=member.did))
    archive = await anew.raw("GET", "/xrpc/com.atproto.sync.getRepo", params={"did": member.did})
    assert archive.status == 200
    assert len(archive.body) > 1000
    await anew.delete(post)
    await member.misses(post)


async def test_a_full_disk_takes_nothing_new_and_lets_people_sign_in_export_and_delete(
    http: aiohttp.ClientSession, disk: Path
) -> None:
    ours = await asyncio.to_thread(Appliance, data=disk / "data")
    reserve = disk / "data/reserve"
    ann, bob = await join(http, ours.pds, "ann"), await join(http, ours.pds, "bob")
    await bob.follow(ann)
    posts = [await ann.write_post(f"number {number}") for number in range(8)]
    await bob.sees(posts[-1])
    await until(reserve.exists)
    assert reserve.stat().st_size == DISK // 40

    fill(disk, DISK // 20 - MIB)
    await soon(lambda: is_refused(ann.write_post("too much")), bool)
    assert await is_refused(ann.upload(b"x" * 1000, "text/plain"))
    assert await is_refused(join(http, ours.pds, "late"))
    await use(ours, ann, posts[0])

    # Now others take the rest: what was kept in reserve is given to those who delete.
    fill(disk, 0)
    await until(lambda: not reserve.exists())
    for post in posts[1:4]:
        await use(ours, ann, post)
    assert await is_refused(ann.write_post("too much"))

    (disk / "filler").unlink()
    await soon(lambda: is_refused(ann.write_post("is there room?")), lambda refused: not refused)
    await bob.sees(await ann.write_post("there is room again"))
    await until(reserve.exists)
    await asyncio.to_thread(ours.finish)

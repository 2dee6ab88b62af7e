import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import encode_basic_auth
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from appliance.appview.app import build_app
from appliance.appview.image_decoder import MOST_PIXELS
from appliance.appview.image_pool import ImagePool, UndecodableImage
from appliance.appview.images import InvalidImagePath, parse_path, trim_folder
from appliance.atproto.cid import Cid
from appliance.base.pressure import Memory
from appliance.settings import Settings
from tests.support.appview_network import FakeNetwork, fake_network, network_settings, open_role
from tests.support.repo_author import RepoAuthor

Client = TestClient[Any, Any]

DID = "did:plc:aliceaaaaaaaaaaaaaaaaaaa"
CID = str(Cid.for_blob(b"x"))


def drawing(size: tuple[int, int], kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    image = Image.new(mode, size, (200, 30, 30, 90)[: len(mode)])
    image.putpixel((0, 0), (0, 0, 255, 255)[: len(mode)])
    image.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


JOB = {"width": 100, "height": 100, "fit": "inside", "format": "auto", "quality": 80}


@pytest.fixture
async def pool() -> AsyncIterator[ImagePool]:
    async with ImagePool.open(1) as pool:
        yield pool


async def test_pictures_shrink_into_the_box_and_never_grow(pool: ImagePool) -> None:
    large = await pool.render(drawing((400, 200)), JOB)
    small = await pool.render(drawing((40, 20)), JOB)
    assert (large.mime_type, opened(large.body).size) == ("image/jpeg", (100, 50))
    assert opened(small.body).size == (40, 20)


async def test_cover_cuts_to_the_shape_of_the_box(pool: ImagePool) -> None:
    job = {**JOB, "width": 100, "height": 50, "fit": "cover"}
    assert opened((await pool.render(drawing((400, 400)), job)).body).size == (100, 50)
    assert opened((await pool.render(drawing((40, 40)), job)).body).size == (40, 20)


async def test_transparency_is_kept_unless_jpeg_is_asked_for(pool: ImagePool) -> None:
    picture = drawing((50, 50), mode="RGBA")
    auto = await pool.render(picture, JOB)
    jpeg = await pool.render(picture, {**JOB, "format": "jpeg"})
    assert (auto.mime_type, opened(auto.body).mode) == ("image/webp", "RGBA")
    assert (jpeg.mime_type, opened(jpeg.body).mode) == ("image/jpeg", "RGB")


async def test_a_picture_is_turned_upright_and_loses_its_metadata(pool: ImagePool) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "taken at home"
    made = await pool.render(drawing((80, 40), "JPEG", exif=exif.tobytes()), JOB)
    assert opened(made.body).size == (40, 80)
    assert dict(opened(made.body).getexif()) == {}
    assert b"taken at home" not in made.body


async def test_of_a_moving_picture_the_first_frame_is_taken(pool: ImagePool) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    made = await pool.render(out.getvalue(), {**JOB, "format": "png"})
    assert opened(made.body).convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    assert not getattr(opened(made.body), "is_animated", False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>",
        b"%PDF-1.4",
        drawing((300, 300))[:200],
        drawing((30, 30), "BMP"),
    ],
)
async def test_what_is_no_picture_is_refused_and_the_decoder_lives(
    pool: ImagePool, data: bytes
) -> None:
    with pytest.raises(UndecodableImage):
        await pool.render(data, JOB)
    assert (await pool.render(drawing((10, 10)), JOB)).mime_type == "image/jpeg"


async def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(
    pool: ImagePool,
) -> None:
    side = int(MOST_PIXELS**0.5) + 1
    with pytest.raises(UndecodableImage, match="Bomb"):
        await pool.render(drawing((side, side), mode="L"), JOB)


async def test_a_killed_decoder_is_replaced(pool: ImagePool) -> None:
    await pool.render(drawing((10, 10)), JOB)
    process = pool._decoders[0]._process
    assert process is not None
    process.kill()
    await process.wait()
    with pytest.raises(UndecodableImage):
        await pool.render(drawing((10, 10)), JOB)
    assert (await pool.render(drawing((10, 10)), JOB)).mime_type == "image/jpeg"


async def test_an_idle_decoder_goes_and_comes_back(pool: ImagePool) -> None:
    await pool.render(drawing((10, 10)), JOB)
    process = pool._decoders[0]._process
    assert process is not None
    await pool.rest()
    assert pool._decoders[0]._process is process
    await pool.rest()
    assert pool._decoders[0]._process is not process
    assert (await pool.render(drawing((10, 10)), JOB)).mime_type == "image/jpeg"


async def test_a_decoder_without_a_job_goes_at_once_when_memory_is_short(pool: ImagePool) -> None:
    await pool.render(drawing((10, 10)), JOB)
    process = pool._decoders[0]._process
    assert process is not None
    await pool.slim()
    assert process.returncode is not None
    assert (await pool.render(drawing((10, 10)), JOB)).mime_type == "image/jpeg"


def test_paths_name_preset_account_blob_and_format() -> None:
    wanted = parse_path(f"/img/avatar_thumbnail/plain/{DID}/{CID}@jpg")
    assert (wanted.preset, wanted.did, str(wanted.cid), wanted.format) == (
        "avatar_thumbnail",
        DID,
        CID,
        "jpeg",
    )
    assert parse_path(f"/img/feed_fullsize/plain/{DID}/{CID}").format == "auto"
    assert parse_path(f"/img/default/plain/did:web:localhost%3A1/{CID}").did.endswith("%3A1")


@pytest.mark.parametrize(
    "path",
    [
        f"/img/nonsense/plain/{DID}/{CID}",
        f"/img/avatar/plain/{DID}/{CID}@svg",
        f"/img/avatar/plain/alice.test/{CID}",
        f"/img/avatar/plain/{DID}/bafkreinonsense1",
        f"/img/avatar/plain/{DID}/../{CID}",
        f"/img/avatar/{DID}/{CID}",
    ],
)
def test_malformed_paths_are_refused(path: str) -> None:
    with pytest.raises(InvalidImagePath):
        parse_path(path)


def test_the_cache_gives_up_what_was_read_longest_ago(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "middle", "old")):
        path = tmp_path / "aa" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100)
        os.utime(path, (1000 - age, 1000 - age))
    assert trim_folder(tmp_path, 1000) == 0
    assert trim_folder(tmp_path, 250) == 100
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["middle", "new"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return network_settings(tmp_path)


@pytest.fixture
async def network(settings: Settings) -> AsyncIterator[FakeNetwork]:
    async with fake_network(settings) as network:
        yield network


@pytest.fixture
async def client(settings: Settings, network: FakeNetwork) -> AsyncIterator[Client]:
    async with (
        open_role(settings) as role,
        TestClient(TestServer(build_app(role, settings))) as client,
    ):
        alice = network.add(RepoAuthor("alice"))
        await network.tell(alice.account(True))
        for name, data in (("a", drawing((2500, 900))), ("b", b"GIF89a, or so it says")):
            blob = {
                "$type": "blob",
                "ref": {"$link": str(network.add_blob(data))},
                "mimeType": "image/png",
                "size": len(data),
            }
            embed = {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": ""}]}
            await network.tell(
                alice.create("app.bsky.feed.post", f"3{name}", text=name, embed=embed)
            )
        assert alice.repo.head is not None
        assert await role.revs.wait(alice.did, alice.repo.head.rev, timeout=60)
        yield client


async def test_a_picture_of_a_visible_record_is_served_and_kept(
    client: Client, network: FakeNetwork
) -> None:
    cid = next(iter(network.blobs))
    path = f"/img/feed_thumbnail/plain/{DID}/{cid}"
    tag = ""
    for _ in range(2):
        async with client.get(path) as response:
            assert (response.status, response.content_type) == (200, "image/jpeg")
            assert opened(await response.read()).size == (1000, 360)
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "sandbox" in response.headers["Content-Security-Policy"]
            tag = response.headers["ETag"]
    assert network.served.count(cid) == 1
    async with client.get(path, headers={"If-None-Match": tag}) as response:
        assert response.status == 304


async def test_while_memory_is_short_only_pictures_made_before_are_served(
    client: Client, monkeypatch: pytest.MonkeyPatch, network: FakeNetwork
) -> None:
    cid = next(iter(network.blobs))
    made, other = (f"/img/{kind}/plain/{DID}/{cid}" for kind in ("avatar", "banner"))
    assert (await client.get(made)).status == 200
    with monkeypatch.context() as patched:
        patched.setattr(Memory, "is_short", True)
        assert (await client.get(made)).status == 200
        refused = await client.get(other)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "30")
        assert refused.headers["Cache-Control"] == "no-store"
    assert (await client.get(other)).status == 200


async def test_a_blob_nothing_refers_to_is_not_served(client: Client, network: FakeNetwork) -> None:
    stray = network.add_blob(drawing((10, 10)))
    for path in (f"/img/avatar/plain/{DID}/{stray}", f"/blob/{DID}/{stray}"):
        async with client.get(path) as response:
            assert response.status == 404
    assert str(stray) not in network.served


async def test_a_blob_that_is_no_picture_is_not_served_as_one(
    client: Client, network: FakeNetwork
) -> None:
    async with client.get(f"/img/avatar/plain/{DID}/{list(network.blobs)[1]}") as response:
        assert (response.status, response.content_type) == (404, "text/plain")


async def test_other_bytes_than_the_cid_names_are_never_served(
    client: Client, network: FakeNetwork
) -> None:
    cid = next(iter(network.blobs))
    network.blobs[cid] = drawing((11, 11))
    async with client.get(f"/img/avatar/plain/{DID}/{cid}") as response:
        assert response.status == 404
    async with client.get(f"/blob/{DID}/{cid}") as response:
        with pytest.raises(Exception, match="closed|Connection|payload"):
            await response.read()


async def test_a_blob_is_passed_on_as_a_download_of_no_dangerous_type(
    client: Client, network: FakeNetwork
) -> None:
    cid, data = next(iter(network.blobs.items()))
    async with client.get(f"/blob/{DID}/{cid}") as response:
        assert (response.status, response.content_type) == (200, "application/octet-stream")
        assert await response.read() == data
        assert response.headers["Content-Disposition"].startswith("attachment")


async def test_pictures_of_a_hidden_account_are_not_served_not_even_from_the_cache(
    client: Client, network: FakeNetwork
) -> None:
    path = f"/img/avatar/plain/{DID}/{next(iter(network.blobs))}"
    async with client.get(path) as response:
        assert response.status == 200
    alice = network.authors[DID]
    event = alice.post("last words")
    await network.tell(event, alice.account(False, "takendown"))
    for _ in range(100):
        async with client.get(path) as response:
            if response.status == 404:
                return
    raise AssertionError("the picture is still served")


async def test_malformed_addresses_are_bad_requests(client: Client) -> None:
    for path in ("/img/avatar/plain/x", f"/blob/alice/{CID}", f"/blob/{DID}/nonsense"):
        async with client.get(path) as response:
            assert response.status == 400


async def test_the_did_document_names_both_services(client: Client) -> None:
    async with client.get("/.well-known/did.json") as response:
        document = await response.json()
    assert [each["id"] for each in document["service"]] == ["#bsky_appview", "#bsky_notif"]
    assert document["id"] == "did:web:localhost"


async def test_status_is_for_the_operator_alone(client: Client, settings: Settings) -> None:
    path = "/xrpc/internal.hearth.upkeep.getStatus"
    token = settings.paths.secret("operator-token").read_text().strip()
    for header in ("", "Bearer right", "Basic ???", encode_basic_auth("admin", "wrong")):
        async with client.get(path, headers={"Authorization": header}) as response:
            assert response.status == 401
    right = {"Authorization": encode_basic_auth("admin", token)}
    async with client.get(path, headers=right) as response:
        found = await response.json()
    assert found["counts"]["records"] == {"app.bsky.feed.post": 2}
    assert {worker["state"] for worker in found["workers"]} == {"running"}

"""Pictures that are more than pictures, less than pictures, or much larger than they look."""

import io
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

import pytest
from PIL import Image, ImageCms

from appliance.appview.image_pool import ImagePool, UndecodableImage

JOB: Final[dict[str, Any]] = {
    "width": 100,
    "height": 100,
    "fit": "inside",
    "format": "webp",
    "quality": 80,
}
SCRIPT: Final = b"<script>alert(document.domain)</script>"
ZIP: Final = b"PK\x03\x04" + b"evil.html" * 9 + b"PK\x05\x06" + bytes(18)


@pytest.fixture
async def pool() -> AsyncIterator[ImagePool]:
    async with ImagePool.open(1) as pool:
        yield pool


def drawing(kind: str, size: tuple[int, int] = (60, 40), **options: Any) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(out, kind, **options)
    return out.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_with(*chunks: bytes) -> bytes:
    """Put chunks behind the head of a PNG."""
    whole = drawing("PNG")
    return whole[:33] + b"".join(chunks) + whole[33:]


def gif_with_a_comment(text: bytes) -> bytes:
    return drawing("GIF", comment=text)


POLYGLOTS: Final = (
    drawing("JPEG") + ZIP,
    drawing("JPEG", comment=SCRIPT),
    drawing("JPEG") + SCRIPT,
    drawing("PNG") + ZIP,
    png_with(chunk(b"tEXt", b"Comment\0" + SCRIPT)),
    png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SCRIPT)),
    gif_with_a_comment(b"*/=1;" + SCRIPT),
    drawing("WEBP", xmp=SCRIPT),
    drawing("WEBP") + SCRIPT,
)
FOREIGN: Final = (b"script", b"PK\x03\x04", b"evil", b"xmp", b"XMP", b"Comment")


async def test_of_a_file_that_is_a_picture_and_more_only_the_picture_is_left(
    pool: ImagePool,
) -> None:
    for polyglot in POLYGLOTS:
        for wanted in ("webp", "jpeg", "png"):
            made = await pool.render(polyglot, {**JOB, "format": wanted})
            assert made.mime_type == f"image/{wanted}"
            with Image.open(io.BytesIO(made.body)) as image:
                assert (image.size, image.format) == ((60, 40), wanted.upper())
            assert [part for part in FOREIGN if part in made.body] == []


async def test_the_colours_stay_what_they_were_meant_to_be(pool: ImagePool) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for_print, huge = profile[:16] + b"CMYK" + profile[20:], profile + bytes(100_000)
    for kind in ("JPEG", "PNG", "WEBP"):
        for wanted in ("webp", "jpeg", "png"):
            for given, kept in ((profile, profile), (for_print, None), (huge, None)):
                data = drawing(kind, icc_profile=given)
                made = await pool.render(data, {**JOB, "format": wanted})
                with Image.open(io.BytesIO(made.body)) as image:
                    assert image.info.get("icc_profile") == kept, (kind, wanted)


async def test_what_begins_as_something_else_is_no_picture(pool: ImagePool) -> None:
    for start in (SCRIPT, b"#!/bin/sh\n", ZIP, b"%PDF-1.7\n", b"\x7fELF"):
        with pytest.raises(UndecodableImage):
            await pool.render(start + drawing("PNG"), JOB)


BOMBS: Final = (
    # A kilobyte that is a hundred million letters; a profile of as many.
    png_with(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9))),
    png_with(chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(100_000_000), 9))),
    # A head that promises more than there is to be had.
    drawing("PNG").replace(struct.pack(">II", 60, 40), struct.pack(">II", 60_000, 60_000)),
    drawing("GIF").replace(struct.pack("<HH", 60, 40), struct.pack("<HH", 65_535, 65_535), 1),
)


async def test_a_bomb_is_refused_or_drawn_without_its_load(pool: ImagePool) -> None:
    await pool.render(drawing("PNG"), JOB)
    process = pool._decoders[0]._process
    for bomb in BOMBS:
        assert len(bomb) < 200_000
        with suppress(UndecodableImage):
            assert len((await pool.render(bomb, JOB)).body) < 50_000
    assert (await pool.render(drawing("PNG"), JOB)).mime_type == "image/webp"
    assert pool._decoders[0]._process is process


async def test_a_file_that_ends_anywhere_is_refused_and_the_decoder_lives(pool: ImagePool) -> None:
    for kind in ("JPEG", "PNG", "GIF", "WEBP"):
        whole = drawing(kind, (300, 300))
        for tenth in range(10):
            with pytest.raises(UndecodableImage):
                await pool.render(whole[: len(whole) * tenth // 10], JOB)
        assert (await pool.render(whole, JOB)).mime_type == "image/webp"


async def test_kinds_of_pictures_that_no_client_shows_are_refused(pool: ImagePool) -> None:
    for kind in ("TIFF", "BMP", "ICO", "PPM", "EPS", "PDF", "TGA"):
        with pytest.raises(UndecodableImage):
            await pool.render(drawing(kind), JOB)

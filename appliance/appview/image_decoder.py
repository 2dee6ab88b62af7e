"""The child process that decodes pictures from strangers: no files, no network, little memory.

Run as a script of its own, by path: it imports nothing of the appliance. It reads jobs from
standard input and writes answers to standard output, until the input ends:

    job     two lengths (4 bytes each, big-endian), a JSON object, the picture
    answer  one byte (0 = good, 1 = refused), a length (4 bytes), JSON (the answer's header),
            a length, the new picture

Fields of a job: width, height, fit ("cover" | "inside"), format ("jpeg" | "webp" | "png" | "auto"),
quality. The answer's header has "type" (MIME), or "reason" when refused.
"""

import io
import json
import resource
import struct
import sys
import warnings
from typing import Any, BinaryIO

from PIL import Image, ImageOps

MOST_PIXELS = 40_000_000
MEMORY_BYTES = 1_000_000_000
CPU_SECONDS_PER_PROCESS = 600
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
WHITE = (255, 255, 255)

# What Pillow raises for files that are broken, too large, or not what they say.
_UNDECODABLE = (
    OSError,
    ValueError,
    ArithmeticError,
    LookupError,
    SyntaxError,
    MemoryError,
    TypeError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)

# Those of cameras and screens have some hundreds; what is larger is for print.
LARGEST_PROFILE = 64 * 1024


class Refused(Exception):
    """The picture is not one we decode; the message says why."""


def render(data: bytes, job: dict[str, Any]) -> tuple[str, bytes]:
    """Decode, turn upright, fit and encode anew, without metadata; return type and bytes.

    Of a moving picture the first frame is taken. Raises Refused.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as source:
            if source.width * source.height > MOST_PIXELS:
                raise Refused(f"more than {MOST_PIXELS} pixels")
            if source.format == "JPEG":
                source.draft("RGB", (job["width"], job["height"]))
            image = _fit(ImageOps.exif_transpose(source), job)
    except _UNDECODABLE as error:
        raise Refused(f"undecodable: {type(error).__name__}") from error
    return _encode(image, job)


def _fit(image: Image.Image, job: dict[str, Any]) -> Image.Image:
    """Shrink into a box, or cut to its shape and shrink to fill it; never enlarge."""
    alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    image = image.convert("RGBA" if alpha else "RGB")
    width, height = job["width"], job["height"]
    if job["fit"] == "cover":
        scale = min(1.0, image.width / width, image.height / height)
        box = (max(1, round(width * scale)), max(1, round(height * scale)))
        return ImageOps.fit(image, box, Image.Resampling.LANCZOS)
    image.thumbnail((width, height), Image.Resampling.LANCZOS)
    return image


def _encode(image: Image.Image, job: dict[str, Any]) -> tuple[str, bytes]:
    """Encode; "auto" is JPEG, or WebP where something is transparent."""
    profile = _profile(image)
    image.info = {}  # comments would be written anew
    transparent = image.mode == "RGBA"
    kind = job["format"]
    if kind == "auto":
        kind = "webp" if transparent else "jpeg"
    if kind == "jpeg" and transparent:
        ground = Image.new("RGB", image.size, WHITE)
        ground.paste(image, mask=image.getchannel("A"))
        image = ground
    how: dict[str, Any] = {
        "jpeg": {"quality": job["quality"], "progressive": True, "optimize": True},
        "webp": {"quality": job["quality"], "method": 2},
        "png": {"compress_level": 6},
    }[kind]
    out = io.BytesIO()
    image.save(out, kind.upper(), icc_profile=profile, **how)
    return f"image/{kind}", out.getvalue()


def _profile(image: Image.Image) -> bytes | None:
    """Give the profile without which the colours would be others, if it is one for RGB."""
    found = image.info.get("icc_profile")
    if not isinstance(found, bytes) or len(found) > LARGEST_PROFILE:
        return None
    return found if found[16:20] == b"RGB " else None


def confine() -> None:
    """Give up what decoding does not need."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_PER_PROCESS, CPU_SECONDS_PER_PROCESS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Answer jobs until there are no more."""
    while lengths := jobs.read(8):
        job_length, data_length = struct.unpack(">II", lengths)
        job = json.loads(jobs.read(job_length))
        data = jobs.read(data_length)
        try:
            kind, body = render(data, job)
            status, header = 0, {"type": kind}
        except Refused as refused:
            status, header, body = 1, {"reason": str(refused)}, b""
        text = json.dumps(header).encode()
        answers.write(struct.pack(">BI", status, len(text)) + text)
        answers.write(struct.pack(">I", len(body)) + body)
        answers.flush()


if __name__ == "__main__":
    Image.init()
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    confine()
    serve(sys.stdin.buffer, sys.stdout.buffer)

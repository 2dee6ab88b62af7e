"""zstd with the public dictionaries, where the library `zstandard` is installed.

Without it nobody gets compressed messages, and all is well.
"""

import struct
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any, Final

# The window of Jetstream itself; what it decodes with may allow no more.
WINDOW_LOG: Final = 17
LEGACY: Final = "subscribe"
EVENTS: Final = "subscribe_events"

Compress = Callable[[bytes], bytes]


def installed() -> bool:
    """Tell whether messages can be compressed at all."""
    return _library() is not None


@cache
def dictionary(name: str) -> bytes:
    """Give the bytes of a dictionary, as published."""
    return (files("appliance.relay.jetstream") / "data" / f"{name}.zdict").read_bytes()


def dictionary_id(data: bytes) -> int:
    """Read the number that frames name their dictionary by (RFC 8878, section 5)."""
    return int(struct.unpack_from("<I", data, 4)[0])


@cache
def compressor(name: str) -> Compress:
    """Give what makes one zstd frame of a message; `installed` must be true."""
    zstd: Any = _library()
    trained = zstd.ZstdCompressionDict(dictionary(name), dict_type=zstd.DICT_TYPE_FULLDICT)
    parameters = zstd.ZstdCompressionParameters.from_level(1, window_log=WINDOW_LOG)
    trained.precompute_compress(compression_params=parameters)
    compress: Compress = zstd.ZstdCompressor(
        dict_data=trained, compression_params=parameters
    ).compress
    return compress


@cache
def _library() -> Any:
    try:
        return import_module("zstandard")
    except ImportError:
        return None

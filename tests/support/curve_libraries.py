"""The libraries for K-256, as far as they are made for this Python."""

import importlib
from collections.abc import Callable
from importlib.util import find_spec

from appliance.atproto.curves import Coincurve, Curve, OpenSsl, SystemLibrary

# The system's libsecp256k1; where there is coincurve, the one in it is opened in its place.
_carried = importlib.import_module("coincurve._libsecp256k1") if find_spec("coincurve") else None
_SYSTEM: dict[str, list[str]] = {"names": [str(_carried.__file__)]} if _carried else {}


def _opens(library: Callable[[], Curve]) -> bool:
    try:
        library()
    except (ImportError, OSError):
        return False
    return True


_ALL: dict[str, Callable[[], Curve]] = {
    "coincurve": Coincurve,
    "system": lambda: SystemLibrary(**_SYSTEM),
    "openssl": lambda: OpenSsl("k256"),
}
LIBRARIES = {name: library for name, library in _ALL.items() if _opens(library)}

"""Find the protocol's interoperability vectors; the suite also passes without them."""

import os
from pathlib import Path
from typing import Any

import orjson

_ROOT = Path(__file__).parents[2]
INTEROP_DIR = Path(os.environ.get("INTEROP_DIR", str(_ROOT.parent / "shared" / "interop")))


def lines(name: str) -> list[str]:
    """Read the cases of a line-oriented vector file; empty where the vectors are not at hand."""
    path = INTEROP_DIR / name
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [line for line in text.split("\n") if line.strip() and not line.startswith("#")]


def cases(name: str) -> list[Any]:
    """Read the cases of a JSON vector file; empty where the vectors are not at hand."""
    path = INTEROP_DIR / name
    if not path.exists():
        return []
    loaded: list[Any] = orjson.loads(path.read_bytes())
    return loaded

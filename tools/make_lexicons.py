"""Make `appliance/lexicons/*.json` from the published lexicons in the PyPI package lexrpc.

Usage: pip install lexrpc, then `python tools/make_lexicons.py`. The package's version is written to
`appliance/lexicons/SOURCE`. Prose (descriptions, translations) is left out: schemas are data here.
"""

import importlib.metadata
import importlib.util
import json
from pathlib import Path
from typing import Any

PACKAGE = "lexrpc"
AUTHORITIES = (
    "com.atproto",
    "app.bsky",
    "chat.bsky",
    "tools.ozone",
    "site.standard",
    "community.lexicon",
    "com.germnetwork",
)
TARGET = Path(__file__).parents[1] / "appliance" / "lexicons"


def source_folder() -> Path:
    """Find the package's lexicon files without importing the package."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{PACKAGE} is not installed")
    return Path(spec.origin).parent / "lexicons"


def without_prose(value: Any) -> Any:
    """Drop descriptions and translations; a property that is named description stays."""
    if isinstance(value, list):
        return [without_prose(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: without_prose(item)
        for name, item in value.items()
        if not (name == "description" and isinstance(item, str)) and not name.endswith(":lang")
    }


def authority_of(nsid: str) -> str:
    return ".".join(nsid.split(".")[:2])


def main() -> None:
    documents: dict[str, dict[str, Any]] = {authority: {} for authority in AUTHORITIES}
    for path in source_folder().rglob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        family = documents.get(authority_of(document["id"]))
        if family is not None:
            family[document["id"]] = without_prose(document)
    for authority, family in documents.items():
        lines = [
            f"{json.dumps(nsid)}:{json.dumps(family[nsid], separators=(',', ':'))}"
            for nsid in sorted(family)
        ]
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        (TARGET / f"{authority}.json").write_text(text, encoding="utf-8")
        print(f"{authority}: {len(family)} documents, {len(text)} bytes")
    version = importlib.metadata.version(PACKAGE)
    (TARGET / "SOURCE").write_text(f"{PACKAGE} {version}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

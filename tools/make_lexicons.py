"""Make `appliance/lexicons/*.json` from the published lexicons in the PyPI package lexrpc.

Usage: pip install lexrpc, then `python tools/make_lexicons.py`. The package's version is written to
`appliance/lexicons/SOURCE`. Prose (descriptions, translations) is left out: schemas are data here.

Of the lexicons of Jetstream (github.com/bluesky-social/jetstream), which are in no package, the two
we implement are made by `python tools/make_lexicons.py THEIR_FOLDER`, alone.
"""

import importlib.metadata
import importlib.util
import json
import sys
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
JETSTREAM = (
    "network.bsky.jetstream.getZstdDictionary",
    "network.bsky.jetstream.subscribeEvents",
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


def write(authority: str, family: dict[str, Any]) -> None:
    lines = [
        f"{json.dumps(nsid)}:{json.dumps(family[nsid], separators=(',', ':'))}"
        for nsid in sorted(family)
    ]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (TARGET / f"{authority}.json").write_text(text, encoding="utf-8")
    print(f"{authority}: {len(family)} documents, {len(text)} bytes")


def make_jetstream(folder: Path) -> None:
    paths = [folder.joinpath(*nsid.split(".")).with_suffix(".json") for nsid in JETSTREAM]
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    write("network.bsky", {each["id"]: without_prose(each) for each in documents})


def main() -> None:
    if len(sys.argv) > 1:
        make_jetstream(Path(sys.argv[1]))
        return
    documents: dict[str, dict[str, Any]] = {authority: {} for authority in AUTHORITIES}
    for path in source_folder().rglob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        family = documents.get(authority_of(document["id"]))
        if family is not None:
            family[document["id"]] = without_prose(document)
    for authority, family in documents.items():
        write(authority, family)
    version = importlib.metadata.version(PACKAGE)
    (TARGET / "SOURCE").write_text(f"{PACKAGE} {version}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

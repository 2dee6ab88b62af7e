"""Who and what the walk is about."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.interop.official_client.house import House
from tests.interop.official_client.neighbour import Neighbour
from tests.interop.official_client.visit import Visit

HANDLE = "ann.smith.home"


@dataclass
class Scene:
    """Ann before the client, Bob elsewhere, and what they made, by name."""

    visit: Visit
    bob: Neighbour
    house: House
    export: Path
    made: dict[str, dict[str, str]] = field(default_factory=dict)
    # Others who have accounts; a starter pack wants eight people.
    street: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Let Bob have been here for a while."""
        bob = self.bob
        for name in ("cleo", "dora", "emil", "fred", "gina", "hugo", "ivan"):
            self.street.append(bob.neighbour(f"{name}.smith.home").handle)
        clocks = "I repair clocks."
        bob.write("app.bsky.actor.profile", "self", displayName="Bob", description=clocks)
        tag = {"$type": "app.bsky.richtext.facet#tag", "tag": "clocks"}
        facet = {"index": {"byteStart": 27, "byteEnd": 34}, "features": [tag]}
        self.made["clock"] = bob.say("The old clock ticks again. #clocks", facets=[facet])
        self.made["kept"] = bob.say("A tram at midnight, and nobody in it.")

    @property
    def ann_did(self) -> str:
        """The DID of the member before the client, once she has signed up."""
        found = self.bob.get("com.atproto.identity.resolveHandle", handle=HANDLE)
        return str(found["did"])

    def path(self, name: str) -> str:
        """The address in the client of something that was made."""
        did, _, rest = self.made[name]["uri"].removeprefix("at://").partition("/")
        return f"/profile/{did}/post/{rest.rpartition('/')[2]}"

"""Where a name leads is said before a network takes it."""

from collections.abc import Mapping, Sequence

import pytest

from appliance.admin import foresight
from appliance.admin.foresight import Foresight
from appliance.base.strings import Strings

OWN, OTHER = "203.0.114.9", "198.51.101.7"


def foreseeing(known: Mapping[str, str]) -> Foresight:
    async def lookup(name: str) -> Sequence[str]:
        found = known.get(name) or known.get("*." + name.partition(".")[2])
        return [found] if found else []

    return Foresight(Strings.load(), lookup)


@pytest.mark.parametrize(
    ("known", "way", "own", "titles"),
    [
        ({}, "proxy", OWN, ["The name leads nowhere"]),
        ({"a.org": OTHER, "*.a.org": OTHER}, "proxy", OWN, ["The name leads somewhere"]),
        ({"a.org": OTHER, "*.a.org": OTHER}, "direct", OWN, ["The name leads elsewhere"]),
        # Behind a router this computer does not know its own address of the internet.
        ({"a.org": OTHER, "*.a.org": OTHER}, "direct", "10.0.0.2", ["The name leads somewhere"]),
        ({"a.org": OWN, "*.a.org": OWN}, "direct", OWN, ["The name leads somewhere"]),
        ({"a.org": OWN}, "direct", OWN, ["Names of members lead elsewhere"]),
        (
            {"a.org": "10.0.0.2", "*.a.org": "10.0.0.2"},
            "forward",
            "10.0.0.2",
            ["The name leads to this network at home only"],
        ),
        (
            {"a.org": OTHER, "*.a.org": OWN},
            "forward",
            OWN,
            ["The name leads elsewhere", "Names of members lead elsewhere"],
        ),
    ],
)
async def test_what_is_seen_of_a_name_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    known: Mapping[str, str],
    way: str,
    own: str,
    titles: Sequence[str],
) -> None:
    monkeypatch.setattr(foresight, "own_address", lambda: own)
    found = await foreseeing(known).look("a.org", way)
    assert [one.subject for one in found] == titles
    for one in found:
        assert (one.seen.count("a.org") >= 1, bool(one.expected)) == (True, True)
        assert bool(one.remedy) == (one.level != "good")

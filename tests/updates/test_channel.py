"""What a channel may say."""

import json
from typing import Any

import pytest

from appliance.updates.channel import Archive, BadChannel, Channel, Release, in_order, read_channel
from appliance.updates.signatures import PublisherKey, TrustedKeys
from tests.support.publisher import DAY, NOW, stamp

KEY = PublisherKey.generate()
TRUSTED = TrustedKeys.parse(KEY.public_text)
ARCHIVE = {"machine": "any", "name": "hearth-1.0.0.tar.gz", "size": 7, "sha256": "0" * 64}
RELEASE = {
    "version": "1.0.0",
    "date": "2027-01-15",
    "python": "3.11",
    "changes": "All of it.",
    "archives": [ARCHIVE],
}
CHANNEL = {
    "hearth": 1,
    "made": stamp(NOW),
    "until": stamp(NOW + DAY),
    "releases": [RELEASE],
}


def read(told: Any, now: float = NOW) -> Channel:
    content = json.dumps(told).encode()
    return read_channel(content, KEY.sign(content, ""), TRUSTED, now=now, not_before=0.0)


def release(version: str) -> Release:
    return Release(version, "", "3.11", "", (Archive("any", "a", 1, ""),))


def test_a_channel_is_read() -> None:
    assert read(CHANNEL) == Channel(
        NOW,
        NOW + DAY,
        (
            Release(
                "1.0.0",
                "2027-01-15",
                "3.11",
                "All of it.",
                (Archive("any", "hearth-1.0.0.tar.gz", 7, "0" * 64),),
            ),
        ),
    )


def test_versions_are_compared_as_numbers() -> None:
    channel = Channel(0, 0, tuple(map(release, ("0.9.0", "0.10.0", "0.2.11"))))
    newest = channel.newest_after("0.2.0")
    assert newest is not None
    assert newest.version == "0.10.0"
    assert channel.newest_after("0.10.0") is None


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.2.3.4", "1.2.x", "-1.0.0", "1.2.3\n"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(BadChannel):
        in_order(text)


@pytest.mark.parametrize(
    "told",
    [
        [],
        {**CHANNEL, "hearth": 2},
        {**CHANNEL, "made": "yesterday"},
        {**CHANNEL, "until": None},
        {**CHANNEL, "releases": 7},
        {**CHANNEL, "releases": [{**RELEASE, "version": "new"}]},
        {**CHANNEL, "releases": [{**RELEASE, "python": "three"}]},
        {**CHANNEL, "releases": [{**RELEASE, "archives": [{**ARCHIVE, "name": "../x"}]}]},
        {**CHANNEL, "releases": [{**RELEASE, "archives": [{**ARCHIVE, "name": ".x"}]}]},
        {**CHANNEL, "releases": [{**RELEASE, "archives": [{**ARCHIVE, "size": 0}]}]},
        {**CHANNEL, "releases": [{**RELEASE, "archives": [{**ARCHIVE, "size": 1 << 40}]}]},
        {**CHANNEL, "releases": [{**RELEASE, "archives": [{**ARCHIVE, "sha256": "0"}]}]},
    ],
)
def test_what_is_signed_but_makes_no_sense_is_refused(told: Any) -> None:
    with pytest.raises(BadChannel):
        read(told)


def test_the_word_of_a_channel_ends() -> None:
    read(CHANNEL, now=NOW + DAY)
    with pytest.raises(BadChannel, match="nobody has signed it since"):
        read(CHANNEL, now=NOW + DAY + 1)


def test_the_archive_for_this_kind_of_processor_goes_before_that_for_any() -> None:
    archives = tuple(Archive(each, each, 1, "") for each in ("any", "x86_64"))
    both = Release("1.0.0", "", "3.11", "", archives)
    assert both.archive_for("x86_64").name == "x86_64"
    assert both.archive_for("riscv64").name == "any"
    with pytest.raises(BadChannel, match="not made for riscv64"):
        Release("1.0.0", "", "3.11", "", archives[1:]).archive_for("riscv64")

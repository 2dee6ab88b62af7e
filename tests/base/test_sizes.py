"""Sizes as people type and read them."""

import pytest

from appliance.base.sizes import NotASize, read_size, size_in_words


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("300000000", 300_000_000),
        (" 300 MB ", 300_000_000),
        ("300mb", 300_000_000),
        ("2G", 2_000_000_000),
        ("1.5 GB", 1_500_000_000),
        ("1,5 TB", 1_500_000_000_000),
        ("1 GiB", 1 << 30),
        ("12 B", 12),
    ],
)
def test_a_size_is_read_with_and_without_a_unit(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1 MB", "1.5", "1.5 B", "3 XB", "1e3", "٣ MB", "1 2"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(NotASize):
        read_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0"),
        (300_000_000, "300 MB"),
        (1_500_000_000, "1500 MB"),
        (1 << 30, "1 GiB"),
        (1000, "1 kB"),
        (1001, "1001 B"),
    ],
)
def test_a_size_is_written_exactly_and_read_back(size: int, text: str) -> None:
    assert size_in_words(size) == text
    assert read_size(text) == size

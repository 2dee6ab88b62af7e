"""Graphemes: what a reader sees as one character."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from appliance.atproto.lexicon.graphemes import count_by_rules, count_graphemes

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
THUMB = "\U0001f44d\U0001f3fd"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"

SAMPLES = [
    ("", 0),
    ("hello", 5),
    ("e\u0301", 1),
    ("a\r\nb", 3),
    ("ä\r\nb", 3),
    ("\r\r\n\n", 3),
    ("\U0001f1e9\U0001f1ea", 1),
    ("\U0001f1e9\U0001f1ea\U0001f1eb", 2),
    ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 2),
    (FAMILY, 1),
    (FAMILY + FAMILY, 2),
    (THUMB, 1),
    (SCOTLAND, 1),
    ("\u2764\ufe0f\u200d\U0001f525", 1),
    ("1\ufe0f\u20e3", 1),
    ("\ud55c\uae00", 2),
    ("\u1112\u1161\u11ab", 1),
    ("\u1100\u1100\u1161", 1),
    ("a\u200db", 2),
    ("\n\u0301", 2),
    ("नमस्ते"[:2], 2),
    ("日本語", 3),
    ("\U0001f3fd\u200d\U0001f3f4", 2),  # a skin tone by itself is no pictograph
    ("\U0001f467\u200d\u200d\U0001f467", 2),
]


@pytest.mark.parametrize(("text", "count"), SAMPLES)
def test_samples_are_counted_as_a_reader_would(text: str, count: int) -> None:
    assert count_graphemes(text) == count
    assert count_by_rules(text) == count


ALPHABET = "".join(text for text, _ in SAMPLES) + "xyzäöü٣שלום"


@given(st.text(ALPHABET, max_size=30))
def test_the_fallback_agrees_with_the_library_on_what_people_write(text: str) -> None:
    expected = len(regex.findall(r"\X", text))
    assert count_graphemes(text) == expected
    assert count_by_rules(text) == expected

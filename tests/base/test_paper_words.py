"""Secrets as words on paper."""

import re
from pathlib import Path

import pytest

from appliance.base.paper_words import WORDS, UnreadableWords, bytes_of, words_of

ROOT = Path(__file__).parents[2]
SECRET = bytes(range(200, 232))


def test_what_is_written_can_be_read_however_it_is_typed() -> None:
    words = words_of(SECRET)
    assert len(words) == 34
    assert bytes_of(" ".join(words)) == SECRET
    typed = "\n".join(f"{number}. {word.upper()}," for number, word in enumerate(words, 1))
    assert bytes_of(typed) == SECRET


def test_a_wrong_word_is_noticed() -> None:
    words = words_of(SECRET)
    for wrong in (words[:-1], words[1:], [*words[:3], "zebra", *words[4:]], []):
        with pytest.raises(UnreadableWords):
            bytes_of(" ".join(wrong))
    with pytest.raises(UnreadableWords) as caught:
        bytes_of(" ".join([*words, "hamster"]))
    assert caught.value.unknown == ["hamster"]


def test_browser_and_server_have_the_same_words() -> None:
    script = (ROOT / "web" / "static" / "keys.js").read_text(encoding="utf-8")
    listed = re.findall(r'"([a-z ]+)"', script.partition("export const WORDS")[0])
    assert tuple(" ".join(listed).split()) == WORDS
    assert len(set(WORDS)) == 256

"""Split writing without spaces into overlapping pairs, so that words inside a line are found.

SQLite's tokenizer takes a run of Chinese characters, kana, Hangul, Thai and the like for one word.
Before a text is indexed, and before a query is asked, each such run becomes its pairs of neighbours
and its last character: "abc" is "ab bc c". A query of one character finds the pairs it begins.
"""

import re
from typing import Final

# Thai to Myanmar, Khmer, Hangul letters; kana and bopomofo; ideographs; syllables; the planes
# of rarer ideographs.
_RUN: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff]+"
)


def segmented(text: str) -> str:
    """Write a text as it is indexed."""
    return text if text.isascii() else _RUN.sub(_pairs, text)


def query_words(word: str) -> list[str]:
    """Split a word of a query as it was split in the index; the last may be a prefix there."""
    return _RUN.sub(_query_pairs, word).split() if not word.isascii() else [word]


def ends_unspaced(word: str) -> bool:
    """Tell whether a word ends in such writing, so that what was meant may go on."""
    return _RUN.search(word[-1:]) is not None


def _pairs(found: re.Match[str]) -> str:
    run = found[0]
    return f" {' '.join(run[at : at + 2] for at in range(len(run)))} "


def _query_pairs(found: re.Match[str]) -> str:
    run = found[0]
    if len(run) == 1:
        return f" {run} "
    return f" {' '.join(run[at : at + 2] for at in range(len(run) - 1))} "

"""Bytes as words that can be written on paper, read out and typed in again.

A byte is a word; the last two words check the others. `web/static/keys.js` has the same words.
"""

import hashlib
import re
from typing import Final

_LIST: Final = """
acorn actor adult agent album alley amber angel ankle apple april apron arrow atlas attic
autumn bacon badge baker bamboo banana barrel basket beach beard bench berry bicycle birch
bishop blanket bonus bottle bridge broom bucket butter button cabin cactus camel candle
canoe carpet castle cattle celery chalk cherry chimney circle citrus clover cobalt coffee
comet copper coral cotton cradle crayon cricket crown curtain daisy dancer denim desert
diamond dinner doctor dolphin donkey dragon drawer driver eagle earth echo elbow elephant
ember engine evening fabric falcon farmer feather fence fiddle finger flame flute forest
fossil fountain fox frost galaxy garden garlic gentle giant ginger glacier glove goat gold
goose granite grape guitar hammer harbor harvest hazel helmet herring hiking holiday honey
horizon hotel hunter iceberg igloo insect iron island ivory jacket jaguar jelly jewel
jungle juniper kayak kettle kingdom kitchen kitten knight ladder lagoon lantern laser
lemon letter lily linen lizard lobster lotus lunar magnet mango maple marble meadow melon
mineral mirror monkey mosaic mountain muffin museum napkin nectar needle nickel noodle
north nutmeg oasis ocean octopus olive onion opera orange orbit orchid otter oyster paddle
palace panda paper parrot pebble pencil pepper piano picnic pillow pilot pirate planet
plum pocket poem potato prairie puzzle quartz quilt rabbit radio raven ribbon river robin
rocket saddle sailor salmon sandal saturn scarf school shadow silver sketch snow spider
spoon squirrel summer sunset swan table tango teapot thunder tiger tomato trumpet tulip
turtle umbrella uncle valley vanilla velvet violin walnut water whale window winter wizard
yacht yellow zebra zipper"""
WORDS: Final = tuple(_LIST.split())
CHECK_BYTES: Final = 2
_NUMBER_OF: Final = {word: number for number, word in enumerate(WORDS)}


class UnreadableWords(ValueError):
    """These are not words that were written here; `unknown` are those that are none of ours."""

    def __init__(self, unknown: list[str]) -> None:
        text = f"unknown: {', '.join(unknown)}" if unknown else "a word is missing, or is another"
        super().__init__(text)
        self.unknown = unknown


def words_of(secret: bytes) -> list[str]:
    """Write bytes as words."""
    return [WORDS[byte] for byte in secret + _check(secret)]


def bytes_of(text: str) -> bytes:
    """Read words, in any case and with anything between them. Raises UnreadableWords."""
    words = re.findall(r"[a-z]+", text.lower())
    unknown = [word for word in words if word not in _NUMBER_OF]
    if unknown or len(words) <= CHECK_BYTES:
        raise UnreadableWords(unknown)
    read = bytes(_NUMBER_OF[word] for word in words)
    secret, check = read[:-CHECK_BYTES], read[-CHECK_BYTES:]
    if _check(secret) != check:
        raise UnreadableWords([])
    return secret


def _check(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()[:CHECK_BYTES]

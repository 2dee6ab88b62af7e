"""How much of an answer fits into what one answer may be: records of strangers are shown whole."""

from collections.abc import Iterable, Sequence
from typing import Final

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.views import posts
from appliance.atproto.data import dumps
from appliance.atproto.syntax import Json, JsonObject

# A hundred posts with what they answer and quote have some 500,000 bytes; made to be large, they
# would have fifty million.
MOST_BYTES: Final = 4_000_000


def fitting(views: Iterable[Json | None], most: int = MOST_BYTES) -> tuple[int, int]:
    """Say how many of the first views fit into so many bytes, and how many bytes they have."""
    count = together = 0
    for view in views:
        weight = len(dumps(view))
        if together + weight > most:
            break
        together += weight
        count += 1
    return count, together


def fitting_thread(h: Hydration, above: Sequence[int], below: Sequence[int]) -> tuple[int, int]:
    """Say how many parents (the nearest first) and how many replies fit into a thread."""
    parents, used = fitting((posts.post(h, post) for post in above), MOST_BYTES // 4)
    return parents, fitting((posts.post(h, post) for post in below), MOST_BYTES - used)[0]


def without_heaviest(views: Sequence[JsonObject], most: int = MOST_BYTES) -> list[JsonObject]:
    """Leave out the heaviest until the rest fits into so many bytes: none is in another's way."""
    weights = [len(dumps(view)) for view in views]
    together = sum(weights)
    left_out = set()
    for at in sorted(range(len(views)), key=lambda at: weights[at], reverse=True):
        if together <= most:
            break
        together -= weights[at]
        left_out.add(at)
    return [view for at, view in enumerate(views) if at not in left_out]

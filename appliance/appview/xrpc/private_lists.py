"""Pages of what a viewer keeps here; a cursor is the (time, key) of the last row shown."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from appliance.appview.skeletons.slices import InvalidCursor
from appliance.appview.viewer_state import NEWEST, Page
from appliance.atproto.syntax import JsonObject

_CURSOR: Final = re.compile(r"(\d{1,18})_(\S{1,8192})", re.ASCII)


def parse_private_cursor(cursor: str | None) -> tuple[int, str]:
    """Read a cursor. Raises InvalidCursor."""
    if cursor is None:
        return NEWEST
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidCursor("Malformed cursor")
    return int(match[1]), match[2]


def format_private_cursor(time_us: int, key: str) -> str:
    return f"{time_us}_{key}"


def private_page(
    read: Callable[[tuple[int, str]], Page],
    show: Callable[[list[str]], Sequence[Any]],
    name: str,
    cursor: str | None,
) -> JsonObject:
    """Answer with a page of views of the keys that `read` gives. Raises InvalidCursor."""
    page = read(parse_private_cursor(cursor))
    views = [view for view in show([key for key, _ in page.rows]) if view is not None]
    if page.after is None:
        return {name: views}
    return {name: views, "cursor": format_private_cursor(*page.after)}

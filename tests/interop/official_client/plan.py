"""What the walk goes through: its parts, and their screens as they stand in its text."""

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Final

from tests.interop.official_client import (
    account,
    at_home,
    entering,
    looked_after,
    moderating,
    phone,
    reading,
    settling,
    together,
    writing,
)

PARTS: Final = (
    entering,
    writing,
    reading,
    moderating,
    settling,
    together,
    looked_after,
    phone,
    account,
    at_home,
)


def screens_of(parts: Sequence[ModuleType]) -> Iterator[tuple[re.Pattern[str], str]]:
    """Give each screen's name and what is done there; a name made from others matches any."""
    for part in parts:
        for node in ast.walk(ast.parse(inspect.getsource(part))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="screen"), args=[name, ast.Constant(value=str(done))]
                ):
                    yield re.compile(_pattern(name)), done
                case _:
                    pass


def _pattern(name: ast.expr) -> str:
    match name:
        case ast.Constant(value=str(text)):
            return re.escape(text)
        case ast.JoinedStr(values=values):
            return "".join(map(_pattern, values))
        case _:
            return ".+"

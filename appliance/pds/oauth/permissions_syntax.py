"""The text of a scope: tokens apart, and a token's resource and parameters.

https://atproto.com/specs/permission#scope-string-syntax
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote, unquote

# A parameter is a text or a list of texts; in a permission set it may be a truth value as well.
Parameters: TypeAlias = Mapping[str, object]

_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What needs no escape in either part; "?", "&", "=" and "#" do.
_PLAIN: Final = ":/+,@*!~'()"


class InvalidScope(ValueError):
    """A scope that is no scope, or that nobody can be asked to grant."""

    xrpc_name = "InvalidScope"


class Token(NamedTuple):
    """One token; `positional` is what follows the colon, and each parameter has all its values."""

    resource: str
    positional: str | None
    parameters: Mapping[str, tuple[str, ...]]


def split_scope(scope: str) -> list[str]:
    """Give the tokens of a scope, each once, in order. Raises InvalidScope."""
    tokens = list(dict.fromkeys(scope.split(" ")))
    if not all(_TOKEN.fullmatch(token) for token in tokens):
        raise InvalidScope("a scope is tokens of printable ASCII with single spaces between them")
    return tokens


def read_token(text: str) -> Token | None:
    """Take a token apart; None if it does not have the form of one."""
    head, _, query = text.partition("?")
    resource, colon, rest = head.partition(":")
    positional = _plain(rest) if colon else ""
    if positional is None:
        return None
    found: dict[str, tuple[str, ...]] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        plain_name, plain_value = _plain(name), _plain(value)
        if plain_name is None or plain_value is None:
            return None
        found[plain_name] = (*found.get(plain_name, ()), plain_value)
    return Token(resource, positional if colon else None, found)


def write_token(resource: str, positional: str, values: Iterable[tuple[str, Iterable[str]]]) -> str:
    """Write a token; the parameter called `positional` stands behind a colon if it has one value.

    `values` are the parameters in their order, each with its values in theirs.
    """
    head, pairs = resource, []
    for name, all_of_it in values:
        escaped = [quote(value, safe=_PLAIN) for value in all_of_it]
        if name == positional and len(escaped) == 1:
            head = f"{resource}:{escaped[0]}"
        else:
            pairs += [f"{name}={value}" for value in escaped]
    return f"{head}?{'&'.join(pairs)}" if pairs else head


def _plain(text: str) -> str | None:
    """Undo the escapes of a text; None if there is one that is none."""
    if _ESCAPE.search(text):
        return None
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return None

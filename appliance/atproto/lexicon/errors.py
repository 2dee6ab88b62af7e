"""What can be wrong with a lexicon, or with a value measured by one.

- UnknownLexicon: no such document or definition
- InvalidLexicon: the document is no lexicon
- InvalidValue: a value differs from its schema
    - InvalidRecord: that value is a record
"""

from typing import Final


class UnknownLexicon(LookupError):
    """Name a lexicon, or a definition in one, that the catalog does not hold."""

    xrpc_name: Final = "InvalidRequest"

    def __init__(self, ref: str) -> None:
        super().__init__(f"unknown lexicon: {ref}")
        self.ref = ref


class InvalidLexicon(ValueError):
    """Say where a document breaks the rules of the lexicon language."""

    xrpc_name: Final = "InvalidLexicon"


class InvalidValue(ValueError):
    """Say where a value differs from its schema, and what was expected there.

    `path` names the place from the root ("input", "parameters", ...); `expected` is a predicate in
    words: "must be a string".
    """

    xrpc_name = "InvalidRequest"

    def __init__(self, expected: str, *path: str) -> None:
        super().__init__(expected)
        self.expected = expected
        self._path = list(reversed(path))

    @property
    def path(self) -> tuple[str, ...]:
        """Return the names and indexes that lead to the value, outermost first."""
        return tuple(reversed(self._path))

    def within(self, name: object) -> None:
        """Note, while the error travels outwards, the name of the place it came from."""
        self._path.append(str(name))

    def __str__(self) -> str:
        return f"{'/'.join(self.path)} {self.expected}" if self._path else self.expected


class InvalidRecord(InvalidValue):
    """Say where a record differs from the lexicon of its collection."""

"""Why a move has stopped: what was seen, what was expected, what to do."""


class Trouble(Exception):
    """The move cannot go on now. Given again, the same command goes on from where it stopped."""

    def __init__(self, seen: str, expected: str, remedy: str) -> None:
        super().__init__(seen)
        self.seen = seen
        self.expected = expected
        self.remedy = remedy


class Waiting(Trouble):
    """Nothing is wrong: something is awaited from the member or from another server."""

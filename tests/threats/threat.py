"""One row of the threat model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Threat:
    """What is tried, what stands against it, and the tests that show it.

    `shown_by` are ids below tests/, without parameters. `left` says what does not hold yet.
    """

    number: int
    tried: str
    stands: str
    shown_by: tuple[str, ...]
    left: str = ""

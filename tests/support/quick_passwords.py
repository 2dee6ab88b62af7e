"""Passwords cost next to nothing in the processes of tests, but where their cost is what is tested.

Thousands of tests open accounts and sign in: a tenth of all their time went into Argon2id. Networks
that run as programs of their own hash as ever; so does a test that asks for `passwords_as_in_life`.
"""

from typing import Any, Final

import pytest

from appliance.base import passwords
from appliance.pds import credentials

_NAMES: Final = (
    (passwords, "MEMORY_KIB"),
    (passwords, "PASSES"),
    (credentials, "FAILURE_SECONDS"),
)
_IN_LIFE: Final[tuple[Any, ...]] = tuple(getattr(module, name) for module, name in _NAMES)
_QUICK: Final = (64, 1, 0.02)


def hurry() -> None:
    """Make hashing quick, from here on."""
    for (module, name), value in zip(_NAMES, _QUICK, strict=True):
        setattr(module, name, value)


def as_in_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it cost what it costs, for one test."""
    for (module, name), value in zip(_NAMES, _IN_LIFE, strict=True):
        monkeypatch.setattr(module, name, value)

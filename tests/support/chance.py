"""What a test makes up is the same in every run, and no slow machine makes it fail.

Whoever asks for more nonsense (`--fuzz`) gets other examples each time; who names a profile of
hypothesis gets that.
"""

import pytest
from hypothesis import HealthCheck, settings

NAME = "alike"


def tame(config: pytest.Config) -> None:
    """Take chance and clock out of what hypothesis makes up, before a test is read."""
    if config.getoption("--hypothesis-profile"):
        return
    alike = config.getoption("--fuzz") == 1
    settings.register_profile(
        NAME,
        deadline=None,
        derandomize=alike,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile(NAME)

"""Published clients work against the appliance as against any other PDS."""

import pytest

from tests.support.appliance import Appliance
from tests.support.node import run_script

pytestmark = pytest.mark.slow


def test_the_typescript_client_signs_up_posts_and_reads_everything_back(
    network: Appliance,
) -> None:
    done = run_script("agent.mjs", network.pds)
    assert done["post"].startswith(f"at://{done['did']}/app.bsky.feed.post/")

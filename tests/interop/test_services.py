"""Labels and feeds of a network, as published programs read them."""

from collections.abc import Iterator

import atproto as sdk
import pytest

from tests.journeys.test_command_line import said
from tests.support.appliance import Appliance, wait_until
from tests.support.client import PASSWORD
from tests.support.node import run_script

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served() -> Iterator[Appliance]:
    """A network with an account, labels and feeds of its own."""
    appliance = Appliance(bare=False)
    yield appliance
    appliance.finish()


def test_the_typescript_client_reads_labels_and_feeds_and_reports(served: Appliance) -> None:
    for handle in ("ann.test", "bob.test"):
        said(served, "account", "create", handle, "--password", PASSWORD)
    ann = sdk.Client(f"{served.pds}/xrpc")
    ann.login("ann.test", PASSWORD)
    post = ann.send_post("buy my thing").uri
    shown = said(served, "label", "add", post, "spam")
    did = shown.split()[-1]
    wait_until(lambda: "everyone" in said(served, "feed", "list"), "the first feeds")
    done = run_script("services.mjs", served.pds, served.labeler, did, post, "bob.test", PASSWORD)
    assert done["verified"] == 1
    ann.request.close()

"""Published clients work against the appliance as against any other PDS."""

import base64

import atproto as sdk
import pytest
from atproto import models

from tests.journeys.test_command_line import said
from tests.support.appliance import Appliance, wait_until
from tests.support.client import PASSWORD
from tests.support.node import run_script

pytestmark = pytest.mark.slow

# The smallest there is.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_the_typescript_client_signs_up_posts_and_reads_everything_back(
    network: Appliance,
) -> None:
    done = run_script("agent.mjs", network.pds)
    assert done["post"].startswith(f"at://{done['did']}/app.bsky.feed.post/")


@pytest.mark.filterwarnings("default")  # the SDK's own models warn on newer pydantic
def test_the_python_client_does_the_same_in_short(network: Appliance) -> None:
    ann, bob = (sdk.Client(f"{network.pds}/xrpc") for _ in range(2))
    sessions = []
    for client, name in ((ann, "pyann"), (bob, "pybob")):
        handle = f"{name}{network.popen.pid}.test"
        client.com.atproto.server.create_account(
            {"handle": handle, "email": f"{handle}@mail.test", "password": "correct horse"}
        )
        sessions.append(client.login(handle, "correct horse"))
    bob.follow(sessions[0].did)
    post = ann.send_image("look", PNG, "a dot")
    parent = models.create_strong_ref(post)
    reply = bob.send_post("hi", reply_to={"root": parent, "parent": parent})
    bob.like(post.uri, post.cid)

    def arrived() -> bool:
        told = ann.app.bsky.notification.list_notifications().notifications
        return {each.reason for each in told} == {"follow", "reply", "like"}

    wait_until(arrived, "follow, reply and like are told of")
    assert post.uri in [item.post.uri for item in bob.get_timeline().feed]
    thread = ann.get_post_thread(post.uri).thread
    assert thread.replies[0].post.uri == reply.uri
    assert thread.post.like_count == 1
    assert bob.get_profile(sessions[0].did).posts_count == 1
    assert ann.delete_post(post.uri)

    def left() -> bool:
        return post.uri not in [item.post.uri for item in bob.get_timeline().feed]

    wait_until(left, "the deleted post is gone")
    for client in (ann, bob):
        client.request.close()


def test_sign_up_and_settings_go_as_the_official_client_goes_through_them(
    network: Appliance,
) -> None:
    done = run_script("settings.mjs", network.pds, network.operator_token)
    assert done["did"].startswith("did:plc:")


def test_the_published_client_obeys_what_a_guardian_has_fixed(network: Appliance) -> None:
    child = f"child{network.popen.pid}.test"
    said(network, "account", "create", child, "--password", PASSWORD)
    labeler = "did:plc:ar7c4by46qjdydhdevvrndac"
    fixed = ("--birth-date", "2015-03-28", "--mute", "poker", "--labeler", labeler)
    said(network, "guardian", "set", child, *fixed)
    done = run_script("guardian.mjs", network.pds, child, PASSWORD, "poker", labeler)
    assert done == {"obeyed": True}
    said(network, "guardian", "hand-over", child)

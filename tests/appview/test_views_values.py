"""Small pieces of views, and what nobody has checked in open unions."""

from typing import Any

import pytest

from appliance.appview.views.values import blob_cid, iso, present, self_labels
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab

CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"


def test_times_are_written_by_the_millisecond_and_never_before_1970() -> None:
    assert iso(1_790_000_000_123_456) == "2026-09-21T14:13:20.123Z"
    assert iso(-5) == "1970-01-01T00:00:00.000Z"


def test_a_blob_is_named_in_the_old_form_or_the_new() -> None:
    assert blob_cid({"$type": "blob", "ref": {"$link": CID}}) == CID
    assert blob_cid({"cid": CID, "mimeType": "image/png"}) == CID
    for other in (None, "x", {}, {"ref": CID}, {"cid": 1}):
        assert blob_cid(other) is None


def test_absent_fields_are_left_out() -> None:
    assert present(a=None, b=False, c=0) == {"b": False, "c": 0}


@pytest.mark.parametrize(
    "record",
    [
        "{}",
        '{"labels":null}',
        '{"labels":{"$type":"x.y.z","values":[{"val":1}]}}',
        '{"text":"\\"labels\\""}',
    ],
)
def test_other_labels_than_self_labels_are_passed_over(record: str) -> None:
    assert self_labels("did:plc:ann", "at://x", CID, record, 0) == []


async def test_unknown_members_of_open_unions_do_no_harm(house: AppViewHouse) -> None:
    strange: dict[str, Any] = {"$type": "com.example.strange", "image": {"cid": CID}, "values": 1}
    blob = {"$type": "blob", "ref": {"$link": CID}, "mimeType": "image/png", "size": 1}
    image = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": blob}]}

    def scene(lab: IndexLab) -> tuple[str, list[str]]:
        ann = lab.account("ann")
        lab.profile(ann, "Ann", labels=strange)
        status = {"status": "app.bsky.actor.status#live", "embed": {**strange, "external": {}}}
        lab.put(ann, "app.bsky.actor.status", status, "self")
        quoted = lab.post(ann, labels=strange)
        gallery = {"$type": "app.bsky.embed.gallery", "items": [strange]}
        mixed = {
            "$type": "app.bsky.embed.recordWithMedia",
            "record": {"record": quoted},
            "media": strange,
        }
        lab.threadgate(ann, quoted, allow=[strange])
        embeds = (strange, gallery, mixed, image)
        return ann, [quoted["uri"], *(lab.post(ann, embed=each)["uri"] for each in embeds)]

    ann, uris = await house.write(scene)
    page = await house.get(None, "app.bsky.feed.getPosts", uris=uris)
    assert [post["uri"] for post in page["posts"]] == uris
    assert ["embed" in post for post in page["posts"]] == [False, False, True, False, True]
    assert page["posts"][2]["embed"]["items"] == []
    view = await house.get(None, "app.bsky.actor.getProfile", actor=ann)
    assert "embed" not in view["status"]

"""The AppView hears of every takedown, in the end."""

import asyncio
import json
from pathlib import Path

import pytest

from appliance.pds import takedown_news
from tests.support.client import soon
from tests.support.pds_box import open_box

UPDATE = "com.atproto.admin.updateSubjectStatus"


async def test_what_the_appview_missed_is_told_again_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takedown_news, "RETRY_SECONDS", 0.05)
    async with open_box(tmp_path) as box:
        box.appview.status = 500
        alice = await box.sign_up()
        post = {"$type": "app.bsky.feed.post", "text": "x", "createdAt": "2026-11-20T10:00:00Z"}
        made = await box.post(
            "com.atproto.repo.createRecord",
            alice.access,
            repo=alice.did,
            collection=post["$type"],
            record=post,
        )
        subject = {
            "$type": "com.atproto.repo.strongRef",
            "uri": made.json["uri"],
            "cid": made.json["cid"],
        }
        for applied in (True, False):
            takedown = {"applied": applied, "ref": "a-case"}
            await box.operate("POST", UPDATE, subject=subject, takedown=takedown)
        await asyncio.wait_for(box.appview.asked.wait(), 60)
        box.appview.status = 200
        box.appview.bodies.clear()

        async def both() -> bool:
            return len(box.appview.bodies) == 2

        await soon(both, bool)
        told = [json.loads(body) for body in box.appview.bodies]
        assert [one["subject"] for one in told] == [subject] * 2
        assert [one["takedown"] for one in told] == [
            {"applied": True, "ref": "a-case"},
            {"applied": False},
        ]
        last = box.appview.requests[-1]
        assert last.path == "/xrpc/internal.hearth.appview.updateSubjectStatus"
        assert last.headers["Authorization"] == box.pds.access.header

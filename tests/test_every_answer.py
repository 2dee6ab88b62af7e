"""Looks back upon a whole run; `tests/conftest.py` puts it last, and leaves it out of others."""

from typing import Final

from tests.support.answered import ANSWERED, with_an_answer

# What a network like ours has nothing to answer to, says so each time, and is tested for that.
ALWAYS_REFUSED: Final = {
    "app.bsky.ageassurance.begin",
    "app.bsky.contact.importContacts",
    "app.bsky.contact.sendNotification",
    "app.bsky.contact.startPhoneVerification",
    "app.bsky.contact.verifyPhone",
    "app.bsky.unspecced.initAgeAssurance",
    "app.bsky.video.abortUpload",
    "app.bsky.video.finishUpload",
    "app.bsky.video.getJobStatus",
    "app.bsky.video.getUploadStatus",
    "app.bsky.video.startUpload",
    "app.bsky.video.uploadPart",
    "app.bsky.video.uploadVideo",
}


def test_every_method_was_answered_as_its_lexicon_says() -> None:
    methods = with_an_answer()
    assert len(methods) > 150
    assert methods - ANSWERED == methods & ALWAYS_REFUSED

"""app.bsky.video.*: this box prepares no videos yet, and says so."""

from appliance.appview.hydrate.hydration import Audience, SignedIn
from appliance.appview.role import AppView
from appliance.appview.xrpc.auth import everyone, signed_in
from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.video.getUploadLimits", auth=everyone)
async def get_upload_limits(appview: AppView, audience: Audience) -> Json:
    """Say that there are none, to whoever asks: apps ask a video service, with a token for it."""
    return {
        "canUpload": False,
        "remainingDailyVideos": 0,
        "remainingDailyBytes": 0,
        "message": "Videos cannot be uploaded on this network yet.",
    }


@methods.query("app.bsky.video.getJobStatus", auth=signed_in)
async def get_job_status(appview: AppView, viewer: SignedIn, *, job_id: str) -> Json:
    raise InvalidRequest("There is no such job")


@methods.query("app.bsky.video.getUploadStatus", auth=signed_in)
async def get_upload_status(appview: AppView, viewer: SignedIn, *, job_id: str) -> Json:
    raise InvalidRequest("There is no such upload", "UploadNotFound")


@methods.procedure("app.bsky.video.startUpload", auth=signed_in)
async def start_upload(
    appview: AppView,
    viewer: SignedIn,
    *,
    size_bytes: int,
    mime_type: str,
    name: str | None,
    duration_ms: int | None,
    width: int | None,
    height: int | None,
) -> Json:
    raise InvalidRequest("Videos cannot be uploaded on this network yet", "UploadForbidden")


@methods.procedure("app.bsky.video.finishUpload", auth=signed_in)
async def finish_upload(appview: AppView, viewer: SignedIn, *, job_id: str) -> Json:
    raise InvalidRequest("There is no such upload", "UploadNotFound")


@methods.procedure("app.bsky.video.abortUpload", auth=signed_in)
async def abort_upload(appview: AppView, viewer: SignedIn, *, job_id: str) -> Json:
    raise InvalidRequest("There is no such upload", "UploadNotFound")


@methods.procedure("app.bsky.video.uploadPart", auth=signed_in)
async def upload_part(appview: AppView, viewer: SignedIn, *, job_id: str, part_number: int) -> Json:
    raise InvalidRequest("There is no such upload", "UploadNotFound")


@methods.procedure("app.bsky.video.uploadVideo", auth=signed_in)
async def upload_video(appview: AppView, viewer: SignedIn) -> Json:
    raise InvalidRequest("Videos cannot be uploaded on this network yet", "UploadForbidden")

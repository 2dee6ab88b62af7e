"""The environment names of the reference PDS, taken as settings of ours.

Whoever comes from there can keep their `pds.env`. Our own file stands above these names, so what is
changed in the panel holds. https://github.com/bluesky-social/pds
"""

from collections.abc import Iterator, Mapping
from typing import Final

SETTINGS: Final[Mapping[str, str]] = {
    "PDS_HOSTNAME": "pds.hostname",
    "PDS_PORT": "door.port",
    "PDS_BLOBSTORE_DISK_LOCATION": "pds.blob_folder",
    "PDS_BLOB_UPLOAD_LIMIT": "pds.blob_limit",
    "PDS_DID_PLC_URL": "pds.plc_url",
    "PDS_BSKY_APP_VIEW_URL": "appview.url",
    "PDS_BSKY_APP_VIEW_DID": "appview.did",
    "PDS_BSKY_APP_VIEW_CDN_URL_PATTERN": "appview.image_pattern",
    "PDS_CRAWLERS": "pds.relays",
    "PDS_EMAIL_SMTP_URL": "smtp.url",
    "PDS_EMAIL_FROM_ADDRESS": "smtp.sender",
    "PDS_INVITE_REQUIRED": "pds.invites_required",
    "PDS_SERVICE_HANDLE_DOMAINS": "network.handle_domains",
    "PDS_RECOVERY_DID_KEY": "pds.recovery_key",
    "PDS_ACCEPTING_REPO_IMPORTS": "pds.accepts_imports",
    "PDS_MAX_REPO_IMPORT_SIZE": "pds.import_limit",
    "PDS_RATE_LIMITS_ENABLED": "limits.enabled",
    "PDS_RATE_LIMIT_BYPASS_IPS": "limits.bypass_addresses",
    "PDS_CONTACT_EMAIL_ADDRESS": "pds.contact_email",
    "PDS_PRIVACY_POLICY_URL": "pds.privacy_policy_url",
    "PDS_TERMS_OF_SERVICE_URL": "pds.terms_of_service_url",
    "PDS_OAUTH_TRUSTED_CLIENTS": "pds.trusted_apps",
    "PDS_SERVICE_NAME": "network.name",
    "PDS_LOGO_URL": "look.logo_url",
    "PDS_PRIMARY_COLOR": "look.primary_color",
    "PDS_HOME_URL": "look.home_url",
    "PDS_SUPPORT_URL": "look.support_url",
}
# These become files under `secrets/`, unless there is one already.
SECRETS: Final[Mapping[str, str]] = {
    "PDS_JWT_SECRET": "jwt-secret",
    "PDS_ADMIN_PASSWORD": "operator-token",
    "PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": "plc-rotation-key",
    "PDS_RATE_LIMIT_BYPASS_KEY": "rate-limit-bypass-key",
}
# Known and of no effect here, with the reason; "_" at the end stands for all that begin so.
UNUSED: Final[Mapping[str, str]] = {
    "PDS_REPORT_SERVICE_URL": "reports stay here unless an app names a labeler",
    "PDS_REPORT_SERVICE_DID": "reports stay here unless an app names a labeler",
    "PDS_DISABLE_SSRF_PROTECTION": "only development mode may reach this machine",
    "PDS_PRIMARY_COLOR_CONTRAST": "the ink on the colour is chosen by contrast",
    "PDS_LIGHT_COLOR": "light and dark are made from the one colour",
    "PDS_DARK_COLOR": "light and dark are made from the one colour",
    "PDS_ERROR_COLOR": "colours that mean something are the same everywhere",
    "PDS_WARNING_COLOR": "colours that mean something are the same everywhere",
    "PDS_SUCCESS_COLOR": "colours that mean something are the same everywhere",
    "PDS_INFO_COLOR": "colours that mean something are the same everywhere",
    "PDS_BACKGROUND_LIGHT_URL": "pages have no pictures behind them",
    "PDS_BACKGROUND_DARK_URL": "pages have no pictures behind them",
    "PDS_BLOBSTORE_S3_": "blobs are kept in a folder",
    "PDS_DATA_DIRECTORY": "--data names the folder; `hearth adopt` takes an old one over",
    "PDS_HCAPTCHA_": "invites keep machines out, not riddles",
    "PDS_FETCH_MAX_RESPONSE_SIZE": "every fetch has the limit that fits what is fetched",
    "PDS_PROXY_": "calls that are passed on have the limits of all others",
    "PDS_SQLITE_DISABLE_WAL_AUTO_CHECKPOINT": "`hearth backup` copies while everything runs",
    "LOG_ENABLED": "the service manager keeps the log",
    "LOG_LEVEL": "the service manager keeps the log, and can be asked for parts of it",
    "LOG_DESTINATION": "the service manager keeps the log",
}


def without_effect(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Name the variables that are set and have no effect here, each with the reason."""
    for variable in sorted(name for name, text in env.items() if text):
        for name, reason in UNUSED.items():
            if variable == name or (name.endswith("_") and variable.startswith(name)):
                yield variable, reason

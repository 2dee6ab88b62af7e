"""The groups of settings for what keeps the network well: backups and new releases."""

from dataclasses import dataclass

from appliance.settings_groups import setting


@dataclass(frozen=True)
class BackupSettings:
    """Backups: taken each night, encrypted, and proven each week."""

    target: str = setting(
        "",
        "Where backups go: a folder, best on another disk; usb: and the label or UUID of a disk"
        " that is waited for; or sftp:, s3: or rest: with an address as restic names them; empty"
        " for none.",
        form=r"/.+|(sftp|s3|rest):\S+|usb:[^/\s]+",
    )
    hour: int = setting(3, "The hour of the day (0 to 23, time of this computer) to take them at.")
    s3_access_key: str = setting(
        "", "The access key of S3 storage; its secret is in the file secrets/backup-s3-secret."
    )


@dataclass(frozen=True)
class UpdateSettings:
    """New releases, from a channel signed by a publisher whom root of this machine trusts."""

    channel: str = setting(
        "",
        "Where new releases are published: a folder of this computer or a URL; empty for none.",
        form=r"/.+|https?://\S+",
    )
    automatic: bool = setting(
        True, "Whether a new release is installed by itself; else it waits for you."
    )
    hour: int = setting(4, "The hour of the day (0 to 23, time of this computer) to do that at.")

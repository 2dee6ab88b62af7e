"""The groups of settings for what keeps the network well: backups, new releases, the doctor."""

from dataclasses import dataclass

from appliance.settings_groups import URL, setting


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
    hour: int = setting(
        3, "The hour of the day (0 to 23, time of this computer) to take them at.", most=23
    )
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
    hour: int = setting(
        4, "The hour of the day (0 to 23, time of this computer) to do that at.", most=23
    )


@dataclass(frozen=True)
class CheckupSettings:
    """How the doctor looks from outside."""

    resolvers: tuple[str, ...] = setting(
        (),
        "DNS servers that are asked what strangers are told, each an address or address:port; empty"
        " for those of this computer.",
        form=r"[0-9.]+(:\d{1,5})?|[0-9a-f:]+|\[[0-9a-f:]+\]:\d{1,5}",
    )
    hop: str = setting(
        "",
        "Somebody outside who looks whether this server can be reached: the URL of another Hearth,"
        " or of any service that fetches {url}; empty for none.",
        form=URL,
    )
    registries: str = setting(
        "",
        "The list that says which registry tells until when a domain is rented (RDAP, RFC 9224);"
        " empty to ask nobody.",
        public="https://data.iana.org/rdap/dns.json",
        form=URL,
    )
    looks_for_others: bool = setting(
        False, "Whether other Hearths may have this one look whether they can be reached."
    )

"""The groups of settings: each setting once, with its type, default and help.

What reads and checks them is `settings`.
"""

import base64
import hashlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

Mode: TypeAlias = Literal["public", "home", "dev"]
Security: TypeAlias = Literal["starttls", "tls", "none"]
Value: TypeAlias = str | int | bool | tuple[str, ...]

FILE_NAME: Final = "hearth.toml"
MEGABYTE: Final = 1_000_000
LAST_PORT: Final = 65_535
PLC: Final = "https://plc.directory"

HOST: Final = r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?"
URL: Final = r"https?://[^\s/]+(/\S*)?"
_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?"
_BYTE: Final = r"\s*(\d{1,2}|1\d\d|2[0-4]\d|25[0-5])\s*"
_COLOUR: Final = rf"#([0-9a-fA-F]{{3}}){{1,2}}|rgb\(({_BYTE},){{2}}{_BYTE}\)"


def setting(
    default: Value,
    help: str,
    *,
    dev: Value | None = None,
    public: Value | None = None,
    form: str = "",
    least: int = 0,
    most: int = 2**53,
    size: bool = False,
) -> Any:
    """Declare a setting.

    `dev` and `public` are its defaults in these modes, if others; `form` is a pattern that a text,
    or each of a list, matches unless empty; `least` and `most` bound a number (`size`: of bytes).
    """
    given: dict[Mode, Value | None] = {"home": default, "dev": dev, "public": public}
    by_mode = {mode: default if value is None else value for mode, value in given.items()}
    meta = {"help": help, "defaults": by_mode, "form": form, "least": least, "most": most}
    return field(default=default, metadata={**meta, "size": size})


@dataclass(frozen=True)
class NetworkSettings:
    """The network as a whole."""

    name: str = setting("Hearth", "What the network is called.")
    mode: Mode = setting("home", "public, home, or dev: for trying out, on this machine only.")
    handle_domains: tuple[str, ...] = setting(
        (),
        "Domains under which members get their handles, as '.example.com'.",
        dev=(".test",),
        form=r"\." + HOST,
    )
    own_account: bool = setting(
        True,
        "Whether the network has an account of its own from the start, which labels and offers"
        " feeds; else from when it first does.",
        dev=False,
    )
    own_name: str = setting(
        "network",
        "What the handle of that account begins with.",
        # By this name the official client looks for a moderation service under .test.
        dev="mod-authority",
        form=r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
    )
    trusted_proxies: int = setting(
        0, "How many reverse proxies stand before this server and set X-Forwarded-For."
    )


@dataclass(frozen=True)
class PdsSettings:
    """The personal data server: accounts and their repos."""

    hostname: str = setting("", "The name by which the PDS is known.", dev="localhost", form=HOST)
    public_url: str = setting("", "Its URL, if not https:// and the hostname.", form=URL)
    port: int = setting(0, "TCP port of its own on loopback; 0 for none.", most=LAST_PORT)
    invites_required: bool = setting(True, "Whether an invite code opens an account.", dev=False)
    member_invites: int = setting(
        3, "How many invites each member may have open at once; 0 for none.", public=0
    )
    blob_limit: int = setting(300 * MEGABYTE, "The largest upload.", least=1, size=True)
    blob_quota: int = setting(
        0, "How much of blobs an account may keep; 0 for as much as it likes.", size=True
    )
    blob_folder: str = setting("", "Where blobs are kept, if not in the data folder.")
    usual_feeds: tuple[str, ...] = setting((), "Feeds (at://) of new members.", form=r"at://\S+")
    usual_labelers: tuple[str, ...] = setting((), "Labelers of new members.", form=r"did:\S+")
    accepts_imports: bool = setting(True, "Whether members may bring a repo from elsewhere.")
    import_limit: int = setting(4_000 * MEGABYTE, "The largest such repo.", least=1, size=True)
    recovery_key: str = setting(
        "",
        "A rotation key, as did:key, that stands before ours in every new did:plc.",
        form=r"did:key:z[a-zA-Z0-9]+",
    )
    resolve_lexicons: bool = setting(
        True,
        "Whether unknown kinds of records are measured by the lexicons their authors publish.",
        dev=False,
    )
    plc_url: str = setting(
        "", "The did:plc directory; empty for the one inside.", public=PLC, form=URL
    )
    relays: tuple[str, ...] = setting(
        (), "URLs of relays that are told when there is news here.", form=URL
    )
    contact_email: str = setting("", "Where members write to the operator.")
    privacy_policy_url: str = setting("", "A page about privacy, shown by clients.", form=URL)
    terms_of_service_url: str = setting("", "A page with the terms, shown by clients.", form=URL)
    trusted_apps: tuple[str, ...] = setting(
        (),
        "Apps, by client_id, whose names are shown, and which may stay as long as they are used.",
        form=URL,
    )

    @property
    def did(self) -> str:
        """The DID of the service itself."""
        return f"did:web:{self.hostname}"

    @property
    def url(self) -> str:
        """Where the world reaches it, without a slash behind."""
        return self.public_url.rstrip("/") or f"https://{self.hostname}"


@dataclass(frozen=True)
class RelaySettings:
    """The relay: one stream of everything this network carries."""

    hostname: str = setting("", "The name by which the relay is known.", form=HOST)
    public_url: str = setting("", "Its URL, if not https:// and the hostname.", form=URL)
    port: int = setting(0, "TCP port of its own on loopback; 0 for none.", most=LAST_PORT)
    crawl: tuple[str, ...] = setting((), "URLs of other PDSes it follows.", form=URL)
    replay_hours: int = setting(72, "How long its stream can be read back.", least=1)
    replay_bytes: int = setting(1 << 30, "How much of it is kept at most.", least=1, size=True)
    relays: tuple[str, ...] = setting((), "URLs of other relays it follows.", form=URL)
    open: bool = setting(
        False, "Whether a host that asks is followed at once; else it waits for you.", dev=True
    )
    friends: bool = setting(
        True, "Whether small hosts of those whom members follow are followed without asking you."
    )
    peers: tuple[str, ...] = setting(
        (),
        "Machines nearby that it follows: 'name[:port] address sha256:fingerprint of certificate'.",
        form=HOST + r"(:\d{1,5})? [0-9a-f.:]+ sha256:[0-9a-f]{64}",
    )


@dataclass(frozen=True)
class AppViewSettings:
    """The AppView: timelines, threads, profiles, search."""

    did: str = setting("", "Its DID; empty for one made from its URL.", form=r"did:[a-z]+:\S+")
    url: str = setting(
        "", "Another AppView that answers app.bsky.* instead of the one inside.", form=URL
    )
    image_pattern: str = setting(
        "",
        "Where another AppView shows pictures: its URL with %s for preset, DID and CID.",
        form=r"https?://([^%\s]*%s){3}[^%\s]*",
    )
    public_url: str = setting("", "The URL of the one inside, for images.", form=URL)
    port: int = setting(0, "TCP port of its own on loopback; 0 for none.", most=LAST_PORT)
    verifiers: tuple[str, ...] = setting(
        (), "DIDs whose verifications of others count.", form=r"did:[a-z]+:\S+"
    )
    labelers: tuple[str, ...] = setting(
        (),
        "DIDs of labelers, beside the network's own, whose labels are followed, and shown to those"
        " whose client names none.",
        form=r"did:[a-z]+:\S+",
    )
    logged_out_reads: bool = setting(
        False, "Whether it answers those who are not signed in.", dev=True
    )


@dataclass(frozen=True)
class LabelerSettings:
    """The labeler: what the network itself says of accounts and records."""

    public_url: str = setting("", "Its URL, if not that of the PDS.", form=URL)
    port: int = setting(0, "TCP port of its own on loopback; 0 for none.", most=LAST_PORT)


@dataclass(frozen=True)
class ClientSettings:
    """A web client for members, served to their browsers."""

    folder: str = setting("", "The folder of its static export; empty for none.")
    hostname: str = setting("", "The name by which it is reached, its own.", form=HOST)
    public_url: str = setting("", "Its URL, if not https:// and the hostname.", form=URL)
    port: int = setting(
        0, "A TCP port of its own, where the front door listens; 0 for none.", most=LAST_PORT
    )


@dataclass(frozen=True)
class DirectorySettings:
    """The did:plc directory inside."""

    enabled: bool = setting(True, "Whether it runs; for networks that use no other.", public=False)
    port: int = setting(0, "TCP port of its own on loopback; 0 for none.", most=LAST_PORT)


@dataclass(frozen=True)
class DoorSettings:
    """The front door: one port for all that members and strangers ask of this network."""

    host: str = setting(
        "0.0.0.0",  # noqa: S104
        "The address it listens on; 0.0.0.0 for every one.",
        public="127.0.0.1",
    )
    port: int = setting(
        2580, "The TCP port it listens on, without TLS; 0 for none.", dev=0, most=LAST_PORT
    )


@dataclass(frozen=True)
class NeighboursSettings:
    """Other Hearths on the network at home."""

    enabled: bool = setting(True, "Whether other Hearths at home can be paired with this one.")
    announce: bool = setting(
        True,
        "Whether this one tells the network at home where it is, and listens for others.",
        dev=False,
        public=False,
    )
    name: str = setting(
        "", "The NAME of NAME.local; empty for one made from the network's name.", form=_LABEL
    )
    host: str = setting(
        "0.0.0.0",  # noqa: S104
        "The address where paired Hearths reach it; 0.0.0.0 for every one.",
    )
    port: int = setting(
        2590,
        "The TCP port where paired Hearths reach it; 0 for none.",
        dev=0,
        public=0,
        most=LAST_PORT,
    )


@dataclass(frozen=True)
class AdminSettings:
    """The panel."""

    host: str = setting(
        "0.0.0.0",  # noqa: S104
        "The address it listens on; 0.0.0.0 for every one.",
        dev="127.0.0.1",
    )
    port: int = setting(2587, "The TCP port it listens on; 0 for none.", most=LAST_PORT)
    names: tuple[str, ...] = setting(
        (), "Names it may be asked under, besides those of this machine.", form=HOST
    )
    from_anywhere: bool = setting(
        False, "Whether it answers those who are neither on this machine nor at home."
    )


@dataclass(frozen=True)
class SmtpSettings:
    """Outgoing mail; without it, mail waits in the panel."""

    host: str = setting("", "The mail server; its password is in the file secrets/smtp-password.")
    port: int = setting(0, "Its port; 0 for the usual one.", most=LAST_PORT)
    security: Security = setting("starttls", "starttls, tls, or none: how it is talked to.")
    username: str = setting("", "The name to log in with; empty for none.")
    url: str = setting(
        "", "All of it in one, as smtps://user:password@host:465.", form=r"smtps?://\S+"
    )
    sender: str = setting("", "The address that mail comes from.")


@dataclass(frozen=True)
class LookSettings:
    """How the pages look that members see."""

    logo_url: str = setting("", "A picture before the network's name, by https.", form=URL)
    primary_color: str = setting("", "The colour of links and buttons, as #a2461f.", form=_COLOUR)
    home_url: str = setting("", "A page about this network.", form=URL)
    support_url: str = setting("", "A page where members find help.", form=URL)
    member_pages: bool = setting(
        False,
        "Whether profiles and posts can be read without an account, of members who agree to be"
        " shown on the front page.",
    )


@dataclass(frozen=True)
class LimitsSettings:
    """Rate limits."""

    enabled: bool = setting(
        True,
        "Whether callers are limited in rate; who sends the key in the file"
        " secrets/rate-limit-bypass-key as X-RateLimit-Bypass never is.",
        dev=False,
    )
    bypass_addresses: tuple[str, ...] = setting((), "IP addresses that are never limited.")
    subscribers: int = setting(200, "How many may listen to a stream at once, with limits on.")
    subscribers_per_address: int = setting(8, "How many of these from one address.")


@dataclass(frozen=True)
class DevSettings:
    """For development only."""

    allow_loopback: bool = setting(
        False, "Whether outbound requests may go to this machine, by http.", dev=True
    )
    validate_outputs: bool = setting(
        False, "Whether every answer is measured by its lexicon.", dev=True
    )


@dataclass(frozen=True)
class Paths:
    """Where everything lies in the data directory."""

    data: Path = Path("hearth-data")

    @classmethod
    def of(cls, text: str) -> "Paths":
        """Name a data directory as a person types it; files and sockets are found absolutely."""
        return cls(Path(text).expanduser().absolute())

    @property
    def settings_file(self) -> Path:
        return self.data / FILE_NAME

    @property
    def trial_mark(self) -> Path:
        """A file that is there if `hearth try` was the last to run the network."""
        return self.data / "trial"

    @property
    def run(self) -> Path:
        """The folder for sockets, beside the data unless that makes their names too long."""
        name = os.fsencode(self.data)
        if len(name) < 86:  # the kernel takes 107 bytes for the name of a socket
            return self.data / "run"
        return Path(tempfile.gettempdir()) / f"hearth-{hashlib.sha256(name).hexdigest()[:16]}"

    @property
    def secrets(self) -> Path:
        return self.data / "secrets"

    @property
    def blobs(self) -> Path:
        return self.data / "blobs"

    @property
    def cache(self) -> Path:
        return self.data / "cache"

    def socket(self, role: str) -> Path:
        return self.run / f"{role}.sock"

    def gate(self, pds_url: str) -> Path:
        """The socket that leads to the paired house where a PDS of this URL is, if there is one."""
        digest = hashlib.sha256(pds_url.encode()).digest()
        return self.run / f"~{base64.b32encode(digest).decode().lower()[:15]}"

    @property
    def house_key(self) -> Path:
        """The fingerprint by which neighbours know this house, while it can have any."""
        return self.run / "house-key"

    def door(self, pds_url: str) -> str | None:
        """The way to that house, as HttpClient takes it; None where no such house is paired."""
        gate = self.gate(pds_url)
        return f"unix:{gate}" if gate.exists() else None

    def address(self, role: str) -> str:
        """Where a role of ours listens, as HttpClient takes it."""
        return f"unix:{self.socket(role)}"

    def database(self, name: str) -> Path:
        return self.data / f"{name}.sqlite"

    def secret(self, name: str) -> Path:
        return self.secrets / name

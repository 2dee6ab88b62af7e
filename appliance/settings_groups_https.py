"""The group of settings for HTTPS: whether Hearth speaks it itself, and who signs for it."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from appliance.settings_groups import HOST, LAST_PORT, setting

HttpsMode: TypeAlias = Literal["off", "acme", "files"]

Follow: TypeAlias = Literal["off", "url", "dns"]

LETS_ENCRYPT: Final = "https://acme-v02.api.letsencrypt.org/directory"


@dataclass(frozen=True)
class HttpsSettings:
    """HTTPS without a web server before Hearth."""

    mode: HttpsMode = setting(
        "off",
        "Who speaks HTTPS: off, a web server or tunnel before Hearth; acme, Hearth itself, with"
        " certificates that it gets and renews; files, Hearth itself, with yours.",
    )
    host: str = setting(
        "0.0.0.0",  # noqa: S104
        "The address it listens on for HTTPS; 0.0.0.0 for every one.",
    )
    port: int = setting(
        443, "The TCP port for HTTPS, unless its mode is off.", least=1, most=LAST_PORT
    )
    plain_port: int = setting(
        80,
        "The TCP port, unless its mode is off, where authorities look and browsers are sent on to"
        " HTTPS; 0 for none.",
        most=LAST_PORT,
    )
    directory: str = setting(
        LETS_ENCRYPT,
        "The ACME directory of the authority that signs certificates; with mode acme you agree to"
        " its terms.",
        form=r"https://\S+",
    )
    certificate: str = setting(
        "", "With mode files: the certificate and those between, PEM; read anew when it changes."
    )
    key: str = setting("", "With mode files: its key, PEM; empty where it stands beside it.")
    dns_hook: str = setting(
        "",
        "A program that changes your DNS, called with add or remove, a name, and the text of its"
        " TXT record: with it a certificate with a star covers all handles.",
        form=r"/.+",
    )
    dns_server: str = setting(
        "",
        "The same without a program: a DNS server, address or address:port, that takes changes by"
        " RFC 2136.",
        form=r"[0-9.]+(:\d{1,5})?|[0-9a-f:]+|\[[0-9a-f:]+\]:\d{1,5}",
    )
    dns_zone: str = setting("", "The zone there that your names are in.", form=HOST)
    dns_key: str = setting(
        "",
        "The name of the key (TSIG, hmac-sha256) that signs changes; the key itself, in base64, is"
        " in the file secrets/dns-key.",
        form=HOST,
    )
    dns_wait: int = setting(
        20, "How many seconds it takes until all DNS servers of the zone know a change."
    )


@dataclass(frozen=True)
class AddressSettings:
    """A public address that changes, told to the DNS."""

    follow: Follow = setting(
        "off",
        "Whom a new public address is told: off, nobody; url, the service whose URL, with {name},"
        " {ip} and {ip6} in it, is in the file secrets/dynamic-dns-url; dns, the server that"
        " https.dns_server names.",
    )
    ask: str = setting(
        "",
        "A page that answers with the IPv4 address of whoever asks, and nothing else; empty where"
        " the service sees it by itself.",
        form=r"https://\S+",
    )

"""Where strangers find this server, and how the doctor looks at it."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from appliance.settings import Settings
from appliance.settings_groups import Mode


@dataclass(frozen=True)
class PublicPlace:
    """The public address, and what the settings say of the way to it.

    `domains`: endings of members' handles, each with a dot before it. `clocks`: servers elsewhere
    whose time is compared. `at_home`: addresses of this machine count as public, in tests.
    """

    url: str
    hostname: str
    did: str
    domains: tuple[str, ...]
    trusted_proxies: int
    resolvers: tuple[str, ...]
    hop: str
    registries: str
    clocks: tuple[str, ...]
    at_home: bool
    kind: Mode = "public"

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read it from the settings."""
        pds, network = settings.pds, settings.network
        places = (pds.plc_url, *pds.relays)
        return cls(
            url=pds.url,
            hostname=urlsplit(pds.url).hostname or pds.hostname,
            did=pds.did,
            domains=network.handle_domains or (f".{pds.hostname}",),
            trusted_proxies=network.trusted_proxies,
            resolvers=settings.checkup.resolvers,
            hop=settings.checkup.hop,
            registries=settings.checkup.registries,
            clocks=tuple(dict.fromkeys(one.rstrip("/") for one in places if one)),
            at_home=settings.dev.allow_loopback,
            kind=network.mode,
        )

    @property
    def port(self) -> int:
        """The TCP port of the public address."""
        parts = urlsplit(self.url)
        return parts.port or (443 if self.is_tls else 80)

    @property
    def is_tls(self) -> bool:
        """Whether it is reached by https."""
        return self.url.startswith("https:")

"""This machine as others at home see it: its address and its names."""

import contextlib
import fcntl
import re
import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Final

# Nothing is sent to it: which address of ours would be used is the kernel's to say.
_SOMEWHERE: Final = (("192.0.2.1", 9), ("2001:db8::1", 9))
_ADDRESS_OF: Final = 0x8915  # SIOCGIFADDR
_NEAR: Final = tuple(
    map(
        ip_network,
        (
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)
# So many Hearths of one name are told apart on one network.
MOST_NAMES: Final = 20
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def own_address() -> str:
    """The address by which machines at home reach this one; loopback where there is no network."""
    for family, target in zip((socket.AF_INET, socket.AF_INET6), _SOMEWHERE, strict=True):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asker:
            asker.connect(target)
            return str(asker.getsockname()[0])
    return next(_interface_addresses(), "127.0.0.1")


def _interface_addresses() -> Iterator[str]:
    """The addresses of a network that leads nowhere: a few machines and a switch."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):
                told = fcntl.ioctl(asker, _ADDRESS_OF, struct.pack("256s", name.encode()[:15]))
                address = socket.inet_ntoa(told[20:24])
                if not address.startswith("127."):
                    yield address


def own_names() -> tuple[str, ...]:
    """The names that machines at home may know this one by."""
    name = socket.gethostname().partition(".")[0].lower()
    return (name, f"{name}.local") if _LABEL.fullmatch(name) else ()


def host_name(title: str) -> str:
    """Make the NAME of NAME.local of what a network is called."""
    words = re.findall(r"[a-z0-9]+", title.lower())
    return "-".join(words)[:40].strip("-") or "hearth"


def numbered(name: str) -> tuple[str, ...]:
    """The names it takes instead where others have it already, in order: itself first."""
    return (name, *(f"{name}-{number}" for number in range(2, MOST_NAMES + 1)))


def is_near(address: str) -> bool:
    """Tell whether an address is of this machine, or of a network that does not reach further."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    near = mapped or parsed
    return any(near in network for network in _NEAR if network.version == near.version)


def is_literal(name: str) -> bool:
    """Tell whether a host is an address (IPv6 in brackets), which no name server can redirect."""
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def in_url(address: str) -> str:
    """Write an address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address

"""Machines that mean harm, on multicast DNS: run as a program, for so many seconds.

A hundred announce themselves as Hearths, some under our names, some with our key, some with names
that are markup; one says nothing but noise, one answers with a bomb of a TXT record.
"""

import random
import socket
import sys
import time

from zeroconf._dns import DNSAddress, DNSPointer, DNSService, DNSText
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.const import (
    _CLASS_IN,
    _FLAGS_AA,
    _FLAGS_QR_RESPONSE,
    _TYPE_A,
    _TYPE_PTR,
    _TYPE_SRV,
    _TYPE_TXT,
)

GROUP = ("224.0.0.251", 5353)
TYPE = "_hearth._tcp.local."


def txt(**told: str) -> bytes:
    parts = [f"{name}={text}".encode() for name, text in told.items()]
    return b"".join(bytes([len(part)]) + part for part in parts)


def announcement(title: str, key: str, address: str, port: int, text: bytes | None = None) -> bytes:
    """Make an answer with everything that a Hearth says."""
    name, host = f"{title}.{TYPE}", f"h{key[:12]}.local."
    out = DNSOutgoing(_FLAGS_QR_RESPONSE | _FLAGS_AA)
    out.add_answer_at_time(DNSPointer(TYPE, _TYPE_PTR, _CLASS_IN, 4500, name), 0)
    out.add_answer_at_time(DNSService(name, _TYPE_SRV, _CLASS_IN, 120, 0, 0, port, host), 0)
    said = txt(v="1", did="did:web:evil.home", key=key) if text is None else text
    out.add_answer_at_time(DNSText(name, _TYPE_TXT, _CLASS_IN, 4500, said), 0)
    packed = socket.inet_aton(address)
    out.add_answer_at_time(DNSAddress(host, _TYPE_A, _CLASS_IN, 120, packed), 0)
    return out.packets()[0]


def main(own: str, seconds: float, known_keys: list[str]) -> None:
    """Send from `own`; `known_keys` are those of honest houses."""
    near = own.rpartition(".")[0]
    chance = random.Random(11)  # noqa: S311
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
    sender.bind((own, 5353))
    packets: list[bytes] = []
    for number in range(100):
        key = f"{chance.getrandbits(256):064x}"
        title = ("Smiths", "Jones", "<script>alert(1)</script>", f"Evil {number}")[number % 4]
        packets.append(announcement(title, key, f"{near}.{100 + number}", 2590))
    for key in known_keys:
        packets.append(announcement("Impostor", key, own, 1))
        packets.append(announcement("Loop", key, "127.0.0.1", 2580))
    packets.append(
        announcement("Bomb", "b" * 64, own, 1, txt(**{f"k{n}": "x" * 200 for n in range(5)}))
    )
    packets.append(announcement("Router", "c" * 64, "8.8.8.8", 80))
    until = time.monotonic() + seconds
    flood = 0
    while time.monotonic() < until:
        for packet in packets:
            sender.sendto(packet, GROUP)
        for _ in range(50):
            sender.sendto(chance.randbytes(chance.randrange(1, 400)), GROUP)
            damaged = bytearray(chance.choice(packets))
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            sender.sendto(bytes(damaged), GROUP)
            flood += 1
            key = f"{flood:064x}"
            sender.sendto(announcement(f"Flood {flood}", key, own, 2590), GROUP)
        time.sleep(0.2)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])

"""One fault at a time, with real parts: the doctor names its cause, and nothing else."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from appliance.pds.doctor.doctor import Doctor
from tests.support.ports import free_port
from tests.support.way_in import HANDLE, NAME, WayIn, open_way_in

# The login of the mail server is on loopback.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")


@pytest.fixture
async def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WayIn]:
    async with open_way_in(tmp_path, monkeypatch) as found:
        yield found


async def causes(way: WayIn) -> list[str]:
    return [finding.cause for finding in await way.examine()]


async def test_a_healthy_house_is_not_spoken_of(way: WayIn) -> None:
    assert await way.examine() == []


async def _no_name(way: WayIn) -> None:
    del way.names.records[NAME, "A"]
    del way.names.records[f"*.{NAME}", "A"]


async def _silent_dns(way: WayIn) -> None:
    way.names.fails = True


async def _no_wildcard(way: WayIn) -> None:
    del way.names.records[f"*.{NAME}", "A"]


async def _wildcard_elsewhere(way: WayIn) -> None:
    way.names.records[f"*.{NAME}", "A"] = "192.0.2.9"


async def _closed(way: WayIn) -> None:
    way.elsewhere.comes = False
    await way.close_door()


async def _closed_outside(way: WayIn) -> None:
    way.elsewhere.comes = False


async def _hop_away(way: WayIn) -> None:
    way.elsewhere.comes, way.elsewhere.status = False, 503


async def _expired(way: WayIn) -> None:
    await way.hang_door(begins=-100, ends=-3)


async def _not_yet(way: WayIn) -> None:
    await way.hang_door(begins=3, ends=90)


async def _other_name(way: WayIn) -> None:
    await way.hang_door("jones.family")


async def _unsigned(way: WayIn) -> None:
    await way.hang_door(signed=False)


async def _running_out(way: WayIn) -> None:
    await way.hang_door(begins=-85, ends=5)


async def _without_handles(way: WayIn) -> None:
    await way.hang_door(NAME)


async def _without_tls(way: WayIn) -> None:
    await way.hang_door(tls=False)


async def _backend_away(way: WayIn) -> None:
    way.proxy.habits.answers = 502


async def _somebody_else(way: WayIn) -> None:
    way.proxy.habits.answers = 404


async def _host_dropped(way: WayIn) -> None:
    way.proxy.habits.keeps_host = False


async def _upgrade_dropped(way: WayIn) -> None:
    way.proxy.habits.upgrades = False


async def _address_dropped(way: WayIn) -> None:
    way.proxy.habits.hops = 0


async def _two_proxies(way: WayIn) -> None:
    way.proxy.habits.hops = 2


async def _scheme_dropped(way: WayIn) -> None:
    way.proxy.habits.tells_scheme = False


async def _small_bodies(way: WayIn) -> None:
    way.proxy.habits.most_bytes = 1_000_000


async def _clock_slow(way: WayIn) -> None:
    way.elsewhere.clock_off = 500.0


async def _handle_lost(way: WayIn) -> None:
    del way.names.records[f"_atproto.{HANDLE}", "TXT"]


async def _handle_of_another(way: WayIn) -> None:
    other = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
    way.names.records[f"_atproto.{HANDLE}", "TXT"] = f'"did={other}"'


async def _sender_refused(way: WayIn) -> None:
    way.post.sender = "553 5.7.1 not yours"


async def _recipient_refused(way: WayIn) -> None:
    way.post.recipient = "550 5.7.1 relaying denied"


async def _wrong_password(way: WayIn) -> None:
    way.post.password = "another"


def _mail(way: WayIn, **changes: object) -> None:
    doctor: Doctor = way.box.pds.doctor
    assert doctor.post.server is not None
    server = replace(doctor.post.server, **changes)  # type: ignore[arg-type]
    doctor.post = replace(doctor.post, server=server)


async def _no_mail_server(way: WayIn) -> None:
    _mail(way, host="no-such-host.invalid")


async def _mail_port_closed(way: WayIn) -> None:
    _mail(way, port=free_port())


async def _mail_without_encryption(way: WayIn) -> None:
    _mail(way, security="starttls")


async def _mail_of_the_other_kind(way: WayIn) -> None:
    _mail(way, security="tls")


SPOILT: Final[dict[str, tuple[Callable[[WayIn], Awaitable[None]], str]]] = {
    "the name is in no DNS": (_no_name, "dns-name"),
    "no name server answers": (_silent_dns, "dns-name"),
    "there is no wildcard": (_no_wildcard, "dns-wildcard"),
    "the wildcard leads elsewhere": (_wildcard_elsewhere, "dns-wildcard"),
    "nothing listens": (_closed, "port-closed"),
    "the router lets nobody in": (_closed_outside, "port-outside"),
    "the hop is away": (_hop_away, "hop-silent"),
    "the certificate has run out": (_expired, "tls-expired"),
    "the certificate is of tomorrow": (_not_yet, "tls-expired"),
    "the certificate is for another": (_other_name, "tls-name"),
    "the certificate signs itself": (_unsigned, "tls-chain"),
    "the certificate runs out soon": (_running_out, "tls-expiring"),
    "the certificate has no wildcard": (_without_handles, "tls-handles"),
    "the port is for plain HTTP": (_without_tls, "tls-none"),
    "the proxy does not reach us": (_backend_away, "proxy-backend"),
    "somebody else answers": (_somebody_else, "stranger"),
    "the proxy drops Host": (_host_dropped, "proxy-host"),
    "the proxy drops Upgrade": (_upgrade_dropped, "proxy-upgrade"),
    "the proxy drops the address": (_address_dropped, "proxy-address"),
    "there are two proxies": (_two_proxies, "proxy-count"),
    "the proxy drops the scheme": (_scheme_dropped, "proxy-scheme"),
    "the proxy takes 1 MB": (_small_bodies, "proxy-body"),
    "the clock is slow": (_clock_slow, "clock-wrong"),
    "a handle leads nowhere": (_handle_lost, "handle-resolve"),
    "a handle leads to another": (_handle_of_another, "handle-resolve"),
    "the sender is refused": (_sender_refused, "mail-sender"),
    "mail is not passed on": (_recipient_refused, "mail-recipient"),
    "the mail password is wrong": (_wrong_password, "mail-auth"),
    "the mail server has no name": (_no_mail_server, "mail-dns"),
    "the mail port is closed": (_mail_port_closed, "mail-tcp"),
    "the mail server has no STARTTLS": (_mail_without_encryption, "mail-offer"),
    "the mail port is for STARTTLS": (_mail_of_the_other_kind, "mail-tls"),
}


@pytest.mark.parametrize("fault", SPOILT)
async def test_the_doctor_names_the_cause_and_nothing_else(way: WayIn, fault: str) -> None:
    spoil, cause = SPOILT[fault]
    await spoil(way)
    findings = await way.examine()
    assert [finding.cause for finding in findings] == [cause], findings
    assert all(each.seen and each.expected and each.remedy for each in findings)


async def test_what_is_mended_is_told_no_more(way: WayIn) -> None:
    await _upgrade_dropped(way)
    assert await causes(way) == ["proxy-upgrade"]
    way.proxy.habits.upgrades = True
    assert await causes(way) == []

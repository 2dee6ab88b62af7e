"""What the relay counts, under the names that operators of relays know."""

from collections import Counter
from collections.abc import AsyncIterator

from appliance.relay.role import Relay
from appliance.upkeep.metrics import Labels, Metric


async def metrics_of(relay: Relay) -> AsyncIterator[Metric]:
    """Give every metric of the relay, as it stands now."""
    for metric in (*_of_events(relay), *_of_hosts(relay)):
        yield metric
    waiting, oldest_us = await relay.repairs.extent()
    age = 0 if oldest_us is None else max(relay.clock.now_us() - oldest_us, 0) / 1_000_000
    for name, help_text, value in (
        ("hearth_relay_accounts", "Accounts known.", await relay.accounts.count()),
        ("hearth_relay_quarantined", "Frames kept apart.", await relay.quarantine.count()),
        ("hearth_relay_repairs_waiting", "Accounts to be compared with their host.", waiting),
        ("hearth_relay_repair_oldest_seconds", "How long the oldest of them waits.", age),
        ("hearth_relay_consumers", "Subscribers from outside.", relay.seats.taken),
        ("hearth_relay_seq", "The newest number given.", relay.log.head()),
        ("hearth_relay_seq_floor", "The number before the oldest event kept.", relay.log.floor()),
    ):
        yield Metric.single(name, "gauge", help_text, value)


def _of_events(relay: Relay) -> list[Metric]:
    ingest = relay.ingest
    received: dict[Labels, float] = {
        (("host", host), ("type", kind)): float(count)
        for (host, kind), count in ingest.received.items()
    }
    return [
        Metric(
            "hearth_relay_events_received_total", "counter", "Events read from hosts.", received
        ),
        Metric.by(
            "result",
            "hearth_relay_events_total",
            "counter",
            "Events by what became of them.",
            dict(ingest.counts),
        ),
        Metric.single(
            "hearth_relay_verified_total",
            "counter",
            "Events that were judged.",
            ingest.judging.count,
        ),
        Metric.single(
            "hearth_relay_verify_seconds_total",
            "counter",
            "Time spent judging and storing them.",
            ingest.judging.seconds,
        ),
        Metric.by(
            "result",
            "hearth_relay_identity_lookups_total",
            "counter",
            "Questions for DID documents, by where the answer came from.",
            dict(relay.resolver.counts),
        ),
        Metric.by(
            "host",
            "hearth_relay_upstream_lag_seconds",
            "gauge",
            "How old the newest commit of a host was when it was read.",
            ingest.lag_seconds,
        ),
    ]


def _of_hosts(relay: Relay) -> list[Metric]:
    now_us = relay.clock.now_us()
    hosts = relay.hosts.active()
    standing = Counter(relay.crawler.status(host, now_us) for host in hosts)
    return [
        Metric.by(
            "status",
            "hearth_relay_hosts",
            "gauge",
            "Hosts that are followed, by their state.",
            {str(status): float(count) for status, count in standing.items()},
        ),
        Metric.by(
            "host",
            "hearth_relay_host_seq",
            "gauge",
            "How far a host's stream has been handled.",
            {host.hostname: float(host.cursor or 0) for host in hosts},
        ),
        Metric.by(
            "host",
            "hearth_relay_host_accounts",
            "gauge",
            "Accounts of a host.",
            {host.hostname: float(host.accounts) for host in hosts},
        ),
    ]

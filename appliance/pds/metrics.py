"""What the PDS counts since its start: the three counters of the reference's dashboard."""

from collections.abc import AsyncIterator

from appliance.pds.role import Pds
from appliance.upkeep.metrics import Metric


async def metrics_of(pds: Pds) -> AsyncIterator[Metric]:
    """Give them under the names that the reference's have in Prometheus."""
    for name, help_text, value in (
        ("account_created_total", "Accounts opened, and those moved in.", pds.signup.opened),
        ("session_created_total", "Sessions begun with a password.", pds.sessions.begun),
        ("oauth_authorization_total", "Apps let in by OAuth.", pds.oauth.grants.approved),
    ):
        yield Metric.single(name, "counter", help_text, value)
    newest: dict[str, int] = {}
    for figure in await pds.figures.since(2):
        newest[figure.name] = figure.value
    kinds = {
        name.removeprefix("bytes."): float(value)
        for name, value in newest.items()
        if name.startswith("bytes.")
    }
    yield Metric.by(
        "kind", "hearth_storage_bytes", "gauge", "What fills the disk, within the hour.", kinds
    )

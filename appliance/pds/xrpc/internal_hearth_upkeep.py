"""internal.hearth.upkeep.*: how the PDS is doing."""

from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator
from appliance.upkeep.address_journal import check_address
from appliance.upkeep.again import wish
from appliance.upkeep.https_checks import check_https, check_idle_ports
from appliance.upkeep.https_journal import HttpsJournal
from appliance.upkeep.low_ports import LowPorts
from appliance.upkeep.status import report
from appliance.upkeep.update_checks import check_updates

methods: MethodTable[Pds] = MethodTable()


@methods.query("internal.hearth.upkeep.getStatus", auth=operator)
async def get_status(pds: Pds, caller: Caller) -> Json:
    return await status(pds)


@methods.procedure("internal.hearth.upkeep.tryAgain", auth=operator)
async def try_again(pds: Pds, caller: Caller) -> Json:
    """Try at once what failed and waits: certificates, the DNS of our address, ports 80 and 443."""
    settings = pds.settings
    data, own = settings.paths.data, settings.https.mode != "off"
    ports = LowPorts(data)
    tried = {
        "certificates": settings.https.mode == "acme",
        "address": settings.address.follow != "off",
        "ports": own and bool(HttpsJournal.read(data).closed) and ports.is_possible,
    }
    if tried["ports"]:
        ports.ask(port for _, port in settings.places.values())
    wish(data)
    return {"tried": [name for name, is_tried in tried.items() if is_tried]}


async def status(pds: Pds) -> Json:
    """Say how the PDS is doing."""
    # The network's own account is nobody's.
    members = await pds.accounts.count() - (pds.network_account.did is not None)
    told = pds.readdressing.progress
    identities = {
        "hostname": pds.site.hostname,
        "of": told.of,
        "told": told.done - len(told.refused),
        "settled": told.settled,
    }
    counts = {
        "accounts": members,
        "seq": pds.event_log.head(),
        "imports": len(pds.imports.running()),
        "identities": identities,
    }
    findings = [*pds.readdressing.findings(), *pds.move_reports.findings(), *pds.doctor.troubles()]
    update = pds.settings.update
    findings += check_updates(
        pds.settings.paths.data,
        pds.clock.now(),
        channel=update.channel,
        automatic=update.automatic,
    )
    findings += check_https(pds.settings.paths.data, pds.clock.now(), mode=pds.settings.https.mode)
    findings += check_idle_ports(
        pds.settings.paths.data, (port for _, port in pds.settings.places.values())
    )
    findings += check_address(pds.settings.paths.data, follow=pds.settings.address.follow)
    return report("pds", pds.workers.status(), counts, findings)

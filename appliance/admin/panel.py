"""Panel: the owner's pages, and the parts they stand on."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from appliance.admin.acts import Acts
from appliance.admin.anew import Anew
from appliance.admin.backups import Backups
from appliance.admin.checkup import Checkup
from appliance.admin.claim import Claim
from appliance.admin.clients import Roles
from appliance.admin.figures import DailyFigures
from appliance.admin.foresight import Foresight
from appliance.admin.hosts import OtherHosts
from appliance.admin.neighbours import OtherHearths
from appliance.admin.network import Network
from appliance.admin.offers import Feeds, Labels
from appliance.admin.overview import Overview
from appliance.admin.owner import OwnerFile
from appliance.admin.people import People
from appliance.admin.publishing import Publishing
from appliance.admin.reach_check import ReachCheck, addresses_of
from appliance.admin.reports import Reports
from appliance.admin.session import Sessions
from appliance.admin.settings_desk import SettingsDesk
from appliance.admin.updates import Updates
from appliance.admin.wards import Wards
from appliance.base.clock import Clock
from appliance.base.http import HttpClient
from appliance.base.look import look_files
from appliance.base.pages import Pages
from appliance.base.strings import Strings
from appliance.base.throttle import Throttle
from appliance.settings import Settings
from appliance.upkeep.operator_access import OperatorAccess

STATIC_PATH = "/static"


@dataclass(frozen=True)
class Panel:
    """The parts of the panel, built once."""

    clock: Clock
    desk: SettingsDesk
    owner: OwnerFile
    claim: Claim
    sessions: Sessions
    people: People
    wards: Wards
    hosts: OtherHosts
    neighbours: OtherHearths
    publishing: Publishing
    network: Network
    feeds: Feeds
    labels: Labels
    figures: DailyFigures
    reports: Reports
    acts: Acts
    roles: Roles
    updates: Updates
    checkup: Checkup
    backups: Backups
    overview: Overview
    reach_check: ReachCheck
    foresight: Foresight
    pages: Pages
    strings: Strings
    anew: Anew

    def claim_url(self, base_url: str) -> str | None:
        """The link with which an owner begins; None once the network has one."""
        return self.claim.url(base_url)


@asynccontextmanager
async def open_admin(
    settings: Settings, http: HttpClient, clock: Clock, restart: Callable[[], None] | None = None
) -> AsyncIterator[Panel]:
    """Open the panel; it has no database. `restart` puts changed settings into force.

    Raises DamagedOwnerFile.
    """
    paths = settings.paths
    owner = OwnerFile(paths.data / "admin.json")
    roles = Roles(http, settings, OperatorAccess(paths.secret("operator-token")))
    throttle = Throttle(clock.now)
    figures = DailyFigures(roles.pds, roles.relay)
    in_service = settings.network.mode != "dev"
    strings = Strings.load()
    labels = Labels(roles.labeler)
    yield Panel(
        clock=clock,
        desk=SettingsDesk(settings),
        owner=owner,
        claim=Claim(owner, paths.secret("claim-code"), throttle, clock.now),
        sessions=Sessions(owner, throttle, clock.now),
        people=People(roles.pds),
        wards=Wards(roles.pds),
        hosts=OtherHosts(roles.relay),
        neighbours=OtherHearths(roles.neighbours),
        publishing=Publishing(roles.pds),
        network=Network(roles.relay),
        feeds=Feeds(roles.appview),
        labels=labels,
        figures=figures,
        reports=Reports(roles, labels, settings.client_address),
        acts=Acts(roles.pds),
        roles=roles,
        updates=Updates(roles.pds),
        backups=Backups(roles.pds),
        checkup=Checkup(roles, paths.data, clock, in_service=in_service),
        overview=Overview(roles, figures, paths.data, clock, in_service=in_service),
        reach_check=ReachCheck(settings, roles, strings, addresses_of),
        foresight=Foresight(strings, addresses_of),
        pages=Pages(STATIC_PATH, added=look_files(settings.look.primary_color)),
        strings=strings,
        anew=Anew(restart),
    )

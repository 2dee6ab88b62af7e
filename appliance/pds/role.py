"""The PDS as a whole: its parts, built once; its background work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

from appliance.atproto.identity.lexicon_resolver import LexiconResolver
from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import Did
from appliance.atproto.tid import TidClock
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.limits import Limits
from appliance.base.clock import Clock
from appliance.base.database import Database
from appliance.base.http import HttpClient
from appliance.base.secret_files import read_or_create
from appliance.base.workers import Workers
from appliance.firehose.event_log import EventLog
from appliance.firehose.inside import Inside
from appliance.firehose.seats import Seats
from appliance.pds import preferences, rates
from appliance.pds.accounts import AccountStore
from appliance.pds.app_passwords import AppPasswordStore
from appliance.pds.appview_choices import AppViewChoices
from appliance.pds.blob_files import BlobFiles
from appliance.pds.blobs import BlobStore
from appliance.pds.crawl_requests import CrawlRequests
from appliance.pds.credentials import Credentials
from appliance.pds.devices import DeviceSessions
from appliance.pds.doctor.doctor import Doctor, Post
from appliance.pds.doctor.identity_checks import IdentityChecks
from appliance.pds.doctor.identity_rounds import IdentityRounds
from appliance.pds.doctor.mirror import Mirror
from appliance.pds.doctor.public_place import PublicPlace
from appliance.pds.doctor.reach import Reach
from appliance.pds.email_tokens import EmailTokens
from appliance.pds.exports import RepoExporter
from appliance.pds.factors.factors import Factors
from appliance.pds.factors.passkeys import Passkeys, RelyingParty
from appliance.pds.figures import Figures
from appliance.pds.front_page import FrontPage
from appliance.pds.guardians import Guardians
from appliance.pds.handles import HandlePolicy
from appliance.pds.house_texts import HouseTexts
from appliance.pds.identities import Identities
from appliance.pds.invites import InviteStore
from appliance.pds.joining import Joining, Terms
from appliance.pds.letters import CodeMail
from appliance.pds.lexicons import Lexicons
from appliance.pds.lifecycle import Lifecycle
from appliance.pds.mail_server import MailServer
from appliance.pds.mailer import Mailer
from appliance.pds.mending.mending import Mending
from appliance.pds.move_reports import MoveReports
from appliance.pds.moves import Moves
from appliance.pds.network_account import Acts, NetworkAccount
from appliance.pds.oauth.permission_sets import PermissionSets
from appliance.pds.oauth.server import AuthorizationServer, Names
from appliance.pds.operator_acts import OperatorActs
from appliance.pds.own_addresses import OwnAddress
from appliance.pds.own_views import image_addresses
from appliance.pds.preferences import PreferenceStore
from appliance.pds.proxy import Proxy, Routes
from appliance.pds.read_after_write import OwnWrites
from appliance.pds.readdressing import Readdressing
from appliance.pds.records import RecordStore
from appliance.pds.reports import ReportStore
from appliance.pds.repos import RepoStore
from appliance.pds.restore_safety import RestoreSafety
from appliance.pds.sessions import SessionStore, TokenMint
from appliance.pds.signing_keys import SigningKeys, load_rotation_key
from appliance.pds.signup import SignUp
from appliance.pds.takedown_news import TakedownNews
from appliance.pds.takedowns import Takedowns
from appliance.pds.transfer import RepoImporter
from appliance.pds.web_identities import WebIdentities
from appliance.pds.writes import WritePreparer
from appliance.settings import Settings
from appliance.upkeep.operator_access import OperatorAccess
from appliance.upkeep.storage import measure

PUBLIC_DIRECTORY = "https://plc.directory"
EVENTS_KEPT_US = 9 * 86_400 * 1_000_000
EVENTS_KEPT_BYTES = 2_000_000_000
PRUNE_EVERY_SECONDS = 3600.0


@dataclass(frozen=True)
class Site:
    """What the parts need to know of this server."""

    did: Did
    hostname: str
    url: str
    handle_domains: tuple[str, ...]
    plc_url: str
    routes: Routes


@dataclass(frozen=True)
class Pds:
    """The parts of the PDS, for `xrpc` and `app`."""

    settings: Settings
    site: Site
    access: OperatorAccess = field(repr=False)
    clock: Clock
    workers: Workers
    validator: Validator
    resolver: IdentityResolver
    accounts: AccountStore
    app_passwords: AppPasswordStore
    appview_choices: AppViewChoices
    blobs: BlobStore
    codes: CodeMail
    crawl_requests: CrawlRequests
    credentials: Credentials
    devices: DeviceSessions
    doctor: Doctor
    email_tokens: EmailTokens
    event_log: EventLog
    seats: Seats
    exports: RepoExporter
    factors: Factors
    figures: Figures
    front_page: FrontPage
    guardians: Guardians
    handles: HandlePolicy
    house_texts: HouseTexts
    identities: Identities
    inside: Inside
    imports: RepoImporter
    invites: InviteStore
    joining: Joining
    keys: SigningKeys
    lexicon_resolver: LexiconResolver
    lexicons: Lexicons
    lifecycle: Lifecycle
    limits: Limits
    mailer: Mailer
    mint: TokenMint
    move_reports: MoveReports
    moves: Moves
    own_writes: OwnWrites
    oauth: AuthorizationServer
    operator_acts: OperatorActs
    passkeys: Passkeys
    permission_sets: PermissionSets
    network_account: NetworkAccount
    preferences: PreferenceStore
    proxy: Proxy
    readdressing: Readdressing
    records: RecordStore
    reports: ReportStore
    repos: RepoStore
    sessions: SessionStore
    signup: SignUp
    takedown_news: TakedownNews
    takedowns: Takedowns
    web_identities: WebIdentities
    writes: WritePreparer

    @property
    def did(self) -> Did:
        """The DID of this service."""
        return self.site.did


@asynccontextmanager
async def open_pds(
    settings: Settings,
    http: HttpClient,
    workers: Workers,
    clock: Clock,
    validator: Validator,
    inside: Inside | None = None,
) -> AsyncIterator[Pds]:
    """Open the database, build the parts, start the background work.

    `inside` hears of the commits that are made here.
    """
    paths = settings.paths
    schema = files("appliance.pds") / "schema"
    async with await Database.open(paths.database("pds"), schema) as db:
        pds = _build(settings, http, db, clock, validator, workers, inside or Inside())
        name = urlsplit(pds.site.url).netloc
        safety = RestoreSafety(db, pds.repos, _relays(settings, http), name, clock)
        await safety.look()
        await pds.readdressing.begin()
        started = [
            workers.start("pds restore safety", safety.run),
            workers.start("pds mail", pds.mailer.run),
            workers.start("pds takedown news", pds.takedown_news.run),
            workers.start("pds suspensions", pds.lifecycle.lift_for_ever),
            workers.start("pds blobs", pds.blobs.collect_for_ever),
            workers.start("pds figures", pds.figures.run),
            workers.start("pds events", lambda: _prune(pds.event_log, clock)),
            workers.start("pds crawl requests", pds.crawl_requests.run),
            workers.start("pds readdressing", pds.readdressing.run),
            workers.start("pds renames", pds.signup.finish_renames_for_ever),
            workers.start("pds doctor", pds.doctor.run),
        ]
        try:
            yield pds
        finally:
            for worker in started:
                await worker.stop()


def _relays(settings: Settings, http: HttpClient) -> dict[str, XrpcClient]:
    """Give the relays that may remember more of our stream than we do; ours is one of them."""
    chosen = {url: XrpcClient(http, url) for url in settings.pds.relays}
    return {"our own": XrpcClient(http, settings.paths.address("relay")), **chosen}


def _home(settings: Settings, http: HttpClient) -> PlcClient | None:
    """Give the directory inside, where it runs beside another that is asked."""
    runs = settings.directory.enabled and settings.pds.plc_url
    return PlcClient(http, settings.paths.address("directory")) if runs else None


def site_of(settings: Settings) -> Site:
    """Work out the names and addresses that settings leave to be derived."""
    pds, paths = settings.pds, settings.paths
    did = Did(pds.did)
    inside = paths.address("directory") if settings.directory.enabled else PUBLIC_DIRECTORY
    routes = Routes(
        own_did=did,
        appview=settings.appview.url or paths.address("appview"),
        appview_did=Did(settings.appview.did or pds.did),
        intercept=settings.network.mode != "public",
        inside=paths.address("appview"),
        neighbours={
            (url.rstrip("/") or pds.url, service): paths.address(role)
            for url, service, role in (
                (settings.labeler.public_url, "atproto_labeler", "labeler"),
                (settings.appview.public_url, "bsky_fg", "appview"),
            )
        },
    )
    return Site(
        did=did,
        hostname=pds.hostname,
        url=pds.url,
        handle_domains=settings.network.handle_domains or (f".{pds.hostname}",),
        plc_url=pds.plc_url or inside,
        routes=routes,
    )


def _build(
    settings: Settings,
    http: HttpClient,
    db: Database,
    clock: Clock,
    validator: Validator,
    workers: Workers,
    inside: Inside,
) -> Pds:
    paths, site = settings.paths, site_of(settings)
    home_domains = () if settings.network.mode == "public" else site.handle_domains
    resolver = IdentityResolver(
        *(http, site.plc_url, clock.now, home_domains, settings.relay.crawl),
        settings.neighbours_address,
    )
    lexicon_resolver = LexiconResolver(http, resolver, clock.now)
    lexicons = Lexicons(validator, lexicon_resolver, asking=settings.pds.resolve_lexicons)
    rotation_key = load_rotation_key(paths.secret("plc-rotation-key"))
    jwt_secret = read_or_create(paths.secret("jwt-secret"), lambda: token_hex(32))
    bypass_key = read_or_create(paths.secret("rate-limit-bypass-key"), lambda: token_hex(16))
    access = OperatorAccess(paths.secret("operator-token"))
    appview = XrpcClient(http, site.routes.appview) if site.routes.appview_is_local else None
    news = TakedownNews(db, appview, access.header)
    keys = SigningKeys(db, clock)
    accounts = AccountStore(db)
    app_passwords = AppPasswordStore(db, clock)
    folder = Path(settings.pds.blob_folder or paths.blobs)
    target = settings.backup.target
    limit, quota = settings.pds.blob_limit, settings.pds.blob_quota
    blobs = BlobStore(db, BlobFiles(folder), clock, limit, quota)
    records = RecordStore(db)
    repos = RepoStore(db, blobs, keys, clock)
    directory = PlcClient(http, site.plc_url)
    web = WebIdentities(db, accounts, keys, site.url)
    resolver.own = web.document
    identities = Identities(directory, resolver, keys, rotation_key, site.url)
    sender = settings.smtp.sender or f"hearth@{site.hostname}"
    server = MailServer.of(settings.smtp, paths.secret("smtp-password"))
    mailer = Mailer(db, clock, server, sender)
    email_tokens = EmailTokens(db, clock)
    codes = CodeMail(email_tokens, mailer)
    party = RelyingParty.of(settings.network.name, site.url)
    passkeys = Passkeys(db, party, clock)
    pictures = image_addresses(settings.appview.image_pattern, site.url)
    mint = TokenMint(jwt_secret.encode(), site.did, clock)
    permission_sets = PermissionSets(
        db, lexicon_resolver, validator.catalog, clock, asking=settings.pds.resolve_lexicons
    )
    names = Names(site.url, site.did, jwt_secret.encode(), settings.pds.trusted_apps)
    signup = SignUp(db, accounts, identities, repos, clock)
    import_limit = settings.pds.import_limit if settings.pds.accepts_imports else 0
    handles = HandlePolicy(site.handle_domains, resolver)
    invites = InviteStore(db, clock, site.hostname)
    terms = Terms(settings.pds.invites_required, settings.pds.recovery_key)
    lifecycle = Lifecycle(db, blobs, keys, clock)
    address = OwnAddress(site.url, site.handle_domains)
    here = OwnAddress(site.url, home_domains)
    checks = IdentityChecks(identities, resolver, directory, clock, here)
    network = NetworkAccount(
        db,
        accounts,
        Acts(signup, identities, lifecycle),
        f"{settings.network.own_name}{site.handle_domains[0]}",
        f"{settings.network.own_name}@{site.hostname}",
    )
    chosen = (settings.pds.usual_labelers, settings.pds.usual_feeds)
    usual = partial(preferences.usual, lambda: network.did, *chosen)
    guardians = Guardians(db, clock, usual)
    return Pds(
        settings=settings,
        site=site,
        access=access,
        clock=clock,
        workers=workers,
        validator=validator,
        resolver=resolver,
        accounts=accounts,
        app_passwords=app_passwords,
        appview_choices=AppViewChoices(db),
        blobs=blobs,
        codes=codes,
        crawl_requests=CrawlRequests(db, http, settings.pds.relays, settings.pds.hostname, clock),
        credentials=Credentials(db, accounts, app_passwords, clock),
        devices=DeviceSessions(db, clock),
        doctor=Doctor(
            Reach(PublicPlace.of(settings), Mirror(clock.now), http, clock.now),
            IdentityRounds(db, accounts, keys, checks),
            Post(server, sender, settings.pds.contact_email),
            Mending.of(settings, http, db, blobs, site.routes.appview, clock),
            clock.now,
        ),
        email_tokens=email_tokens,
        event_log=EventLog(db, own=inside.own),
        seats=Seats.of(settings),
        exports=RepoExporter(db, repos, paths.data),
        factors=Factors(db, passkeys, codes, clock),
        figures=Figures(db, accounts, clock, partial(measure, paths.data, folder, target)),
        front_page=FrontPage(db, accounts, records, clock),
        guardians=guardians,
        handles=handles,
        house_texts=HouseTexts(db, clock),
        identities=identities,
        inside=inside,
        imports=RepoImporter(db, blobs, resolver, clock, import_limit),
        invites=invites,
        joining=Joining(handles, accounts, invites, signup, terms),
        keys=keys,
        lexicon_resolver=lexicon_resolver,
        lexicons=lexicons,
        lifecycle=lifecycle,
        limits=Limits(clock.now, rates.policy(settings, bypass_key)),
        mailer=mailer,
        mint=mint,
        move_reports=MoveReports(db, clock),
        moves=Moves(db, http, resolver, clock),
        own_writes=OwnWrites(records, accounts, validator, pictures),
        oauth=AuthorizationServer.of(db, http, clock, names, accounts, permission_sets),
        operator_acts=OperatorActs(db, clock),
        passkeys=passkeys,
        permission_sets=permission_sets,
        network_account=network,
        preferences=PreferenceStore(db, clock, usual, guardians.pins),
        proxy=Proxy(http, resolver, keys, site.routes, clock),
        readdressing=Readdressing(db, identities, lifecycle, _home(settings, http), address),
        records=records,
        reports=ReportStore(db, clock),
        repos=repos,
        sessions=SessionStore(db, mint, clock),
        signup=signup,
        takedown_news=news,
        takedowns=Takedowns(db, records, blobs, news),
        web_identities=web,
        writes=WritePreparer(lexicons, TidClock(clock.now_us).next),
    )


async def _prune(log: EventLog, clock: Clock) -> None:
    """Keep three days of events, for ever; a worker."""
    while True:
        await log.prune(clock.now_us() - EVENTS_KEPT_US, EVENTS_KEPT_BYTES)
        await asyncio.sleep(PRUNE_EVERY_SECONDS)

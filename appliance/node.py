"""One process: opens the roles, gives each its sockets, and closes them in reverse."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from aiohttp import web

from appliance.admin.owner import DamagedOwnerFile
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.lexicon.validate import Validator
from appliance.backup.schedule import Schedule as Backups
from appliance.base import cores, memory
from appliance.base.addresses import OutboundPolicy
from appliance.base.clock import Clock
from appliance.base.database import DatabaseInUse, NoRoomToOpen
from appliance.base.http import HttpClient
from appliance.base.migrations import DatabaseTooNew
from appliance.base.mounts import FarAway, refuse_far
from appliance.base.pressure import Memory, Slim, Sparing
from appliance.base.room import Reserve
from appliance.base.workers import Workers
from appliance.doors import ORDINARY_LINE, Doors
from appliance.firehose.inside import Inside
from appliance.front_door import Names, build_door, build_signpost
from appliance.guests import take_descriptors
from appliance.https.address import address_keeper
from appliance.https.opening import Https
from appliance.neighbours.peer_app import build_peer_app
from appliance.openings import BUILD, OPEN, Ground
from appliance.passage import FROM_THE_DOOR, as_at_the_door, build_passage
from appliance.roles import BEHIND_THE_DOOR, is_main, roles_of
from appliance.settings import Settings
from appliance.updates.installation import Installation
from appliance.updates.schedule import Schedule as Updates
from appliance.upkeep.settings_watch import SettingsWatch
from appliance.upkeep.systemd import (
    Pulse,
    ServiceManager,
    StartingUp,
    silent_roles,
    work_done,
)

log = logging.getLogger(__name__)

# What `serve` returns when it is to be called again, with the settings as they are then.
AGAIN: Final = -1
SECONDS_TO_LEAVE: Final = 0.5
ENDING: Final = (signal.SIGTERM, signal.SIGINT)
SECONDS_TO_HEAR: Final = 0.02
HELD_BACK: Final = (*ENDING, signal.SIGHUP)
# A bot may name ten thousand accounts in the address of a Jetstream.
LONGEST_LINE: Final = {"relay": 600_000}

Listeners: TypeAlias = Mapping[str, Sequence[socket.socket]]


class SharedRunFolder(Exception):
    """The folder for sockets belongs to somebody else."""


# What is told in a line instead of a traceback.
CANNOT_START: Final = (
    *(DamagedOwnerFile, DatabaseInUse, DatabaseTooNew, FarAway, NoRoomToOpen, SharedRunFolder),
)


@dataclass(frozen=True)
class Node:
    """The running process: its roles by name."""

    roles: Mapping[str, Any]


@asynccontextmanager
async def open_node(
    settings: Settings,
    listeners: Listeners,
    restart: Callable[[], None] | None = None,
    here: Collection[str] = (),
) -> AsyncIterator[Node]:
    """Run the roles, each on its UNIX socket and on the listeners given for its name.

    `here` names those of this process, where there are several; none for all. The others are met
    on their sockets, as always; what is done once for all is done where the PDS is.

    A network without a name is not set up yet: then only the panel runs, for its wizard, and the
    door leads there. Else what listens for "door" is answered by all that can be reached from
    outside. `restart` begins anew, with the settings as they are then. Leaving stops in reverse
    order: listeners, workers, database of each role.

    Raises what the roles raise when they cannot open, SharedRunFolder, FarAway.
    """
    refuse_far(settings.paths.data)
    for folder in (settings.paths.data, settings.paths.secrets, settings.paths.run):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.paths.run.stat().st_uid != os.getuid():
        raise SharedRunFolder(f"{settings.paths.run} belongs to another user")
    if is_main(here):
        Reserve(settings.paths.data).look()  # opening files may need what is kept there
    policy = OutboundPolicy(allow_loopback=settings.dev.allow_loopback)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(HttpClient.open(policy))
        ground = Ground(settings, http, Clock(), Validator(load_catalog()), restart, Inside())
        doors = Doors(stack, settings.network.trusted_proxies)
        roles: dict[str, Any] = {}
        for name in roles_of(settings, here):
            # Other houses have an application of their own, under TLS.
            own = () if name == "neighbours" else listeners.get(name, ())
            roles[name] = await _start(doors, name, ground, own)
        if "neighbours" in roles and listeners.get("neighbours"):
            role = roles["neighbours"]
            runner = await doors.run(build_peer_app(role))
            await doors.greet(runner, listeners["neighbours"], role.house.key.server_context())
        if is_main(here):
            await _open_door(doors, ground, roles, listeners)
        else:
            await _hear_the_door(doors, settings, roles)
        workers = await stack.enter_async_context(Workers())
        workers.start("memory", memory.look_after)
        workers.start("core", cores.Cores().look_after)
        workers.start("short memory", Sparing(Memory(), list(_slims(roles))).run)
        if is_main(here):
            _look_after(workers, settings, http)
        # What lives now lives long: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        yield Node(roles)


def _look_after(workers: Workers, settings: Settings, http: HttpClient) -> None:
    """Begin what is done once for a network, whatever its roles do."""
    workers.start("backups", Backups(settings).run)
    workers.start("disk reserve", Reserve(settings.paths.data).run)
    if settings.pds.hostname and settings.address.follow != "off":
        workers.start("public address", address_keeper(settings, http).run)
    workers.start("updates", Updates(settings, Installation()).run)


def _slims(roles: Mapping[str, Any]) -> Iterator[Slim]:
    """Tell who keeps things in memory that can be made again."""
    if "pds" in roles:
        yield roles["pds"].repos.slim
        yield roles["pds"].exports.slim
    if "appview" in roles:
        yield roles["appview"].images.slim
        yield roles["appview"].index.slim


async def _start(
    doors: Doors, name: str, ground: Ground, listeners: Sequence[socket.socket]
) -> Any:
    """Open a role and serve it; the stack closes it."""
    workers = Workers()
    role = await doors.stack.enter_async_context(OPEN[name](ground, workers))
    doors.stack.push_async_exit(workers)
    runner = await _on_socket(doors, BUILD[name](role, ground.settings), ground.settings, name)
    await doors.listen(runner, listeners)
    log.info("role is up name=%s", name)
    return role


async def _on_socket(
    doors: Doors, app: web.Application, settings: Settings, role: str, whose: str = ""
) -> web.AppRunner:
    """Serve an application of a role on a UNIX socket."""
    runner = await doors.run(app, LONGEST_LINE.get(role, ORDINARY_LINE))
    path = settings.paths.socket(f"{role}{whose}")
    path.unlink(missing_ok=True)
    await doors.listen_at(runner, path)
    path.chmod(0o600)
    return runner


async def _open_door(
    doors: Doors, ground: Ground, roles: Mapping[str, Any], listeners: Listeners
) -> None:
    """Answer at the front door, in front of what is here and of what is elsewhere."""
    settings = ground.settings
    own_https = settings.https.mode != "off"
    if not settings.pds.hostname:
        if listeners.get("door"):
            runner = await doors.run(build_signpost(settings))
            await doors.listen(runner, listeners["door"])
        return
    if not (listeners.get("door") or own_https):
        return
    apps: dict[str, web.Application] = {}
    for name in [name for name in roles_of(settings) if name in BEHIND_THE_DOOR]:
        if name in roles:
            apps[name] = BUILD[name](roles[name], settings)
        else:
            address = settings.paths.address(f"{name}{FROM_THE_DOOR}")
            apps[name] = build_passage(name, address, ground.http)
    runner = await doors.run(build_door(settings, apps), LONGEST_LINE["relay"])
    await doors.listen(runner, listeners.get("door", ()))
    if own_https:
        await _open_https(doors, ground, runner, listeners)


async def _hear_the_door(doors: Doors, settings: Settings, roles: Mapping[str, Any]) -> None:
    """Answer the front door, which is elsewhere."""
    for name in [name for name in roles if name in BEHIND_THE_DOOR]:
        app = BUILD[name](roles[name], settings)
        app.middlewares.insert(0, as_at_the_door)
        await _on_socket(doors, app, settings, name, FROM_THE_DOOR)


async def _open_https(
    doors: Doors, ground: Ground, door: web.AppRunner, listeners: Listeners
) -> None:
    """Answer by HTTPS what the front door answers, and stand at the port for http beside it."""
    settings, names = ground.settings, Names(ground.settings)
    https = Https(settings, ground.http)
    plain = https.plain_door(lambda host: names.role(host, "/") is not None)
    runner = await doors.run(plain)
    await doors.listen(runner, listeners.get("http", ()))
    for listener in listeners.get("https", ()):
        doors.stack.callback(listener.close)
    https.serve(await doors.stack.enter_async_context(Workers()), doors.served(door), listeners)


async def _serve(
    settings: Settings,
    listeners: Listeners,
    ready: Callable[[Node], None],
    manager: ServiceManager,
    ended: asyncio.Event,
    *,
    restarts: bool,
    here: Collection[str],
    watch: SettingsWatch | None,
) -> bool:
    """Serve until told to stop; tell whether to begin anew, unless it is `ended` by then."""
    starting = StartingUp(manager, work_done)
    starting.begin()
    stop, again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        ended.set()
        stop.set()

    for number in ENDING:
        loop.add_signal_handler(number, end)

    def restart() -> None:
        again.set()
        # Whoever asked has the answer by then, and does not ask again before.
        loop.call_later(SECONDS_TO_LEAVE, stop.set)

    if restarts:
        loop.add_signal_handler(signal.SIGHUP, restart)
    # Held back since the last run ended: between two runs nobody would hear them.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
    try:
        async with open_node(settings, listeners, restart if restarts else None, here) as node:
            ready(node)
            starting.end()
            manager.tell("READY=1")
            async with HttpClient.open(OutboundPolicy()) as http, Workers() as workers:
                ask = partial(silent_roles, http, settings.paths, node.roles)
                workers.start("signs of life", Pulse(manager, ask).run)
                if watch is not None:
                    workers.start("settings", partial(watch.run, restart))
                await stop.wait()
            if not again.is_set():
                manager.tell("STOPPING=1")
            log.info("starting anew" if again.is_set() else "stopping")
    finally:
        starting.end()
    if again.is_set():
        # The loop hears no more from here on, but it still has to end, and other threads too.
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
        for number in ENDING:
            signal.signal(number, lambda *_: ended.set())
        # What came just before is still on its way to `end`.
        await asyncio.sleep(SECONDS_TO_HEAR)
    return again.is_set()


def serve(
    settings: Settings,
    listeners: Listeners,
    ready: Callable[[Node], None],
    manager: ServiceManager,
    *,
    restarts: bool = False,
    here: Collection[str] = (),
    watch: SettingsWatch | None = None,
) -> int:
    """Run the node until SIGTERM or SIGINT; call `ready` once every role answers.

    `here`: the roles of this process, if not all; `watch` has it begin anew with new settings.

    Returns the exit status (1 when it cannot start, with the reason on stderr), or AGAIN when the
    settings were changed in the panel and `restarts` says that the caller begins anew.
    """
    # Writer threads share the interpreter with the loop: let it have its turn soon.
    sys.setswitchinterval(0.001)
    # The young are looked at a few thousand at a time: a pause of all threads, so a short one.
    gc.set_threshold(5_000, 80, 50)
    memory.keep_small()
    take_descriptors()
    ended = asyncio.Event()
    try:
        with cores.kept_to_one(), asyncio.Runner(loop_factory=_fastest_loop()) as runner:
            again = runner.run(
                _serve(
                    settings,
                    listeners,
                    ready,
                    manager,
                    ended,
                    restarts=restarts,
                    here=here,
                    watch=watch,
                )
            )
    except CANNOT_START as problem:
        sys.stderr.write(f"hearth: cannot start: {problem}\n")
        return 1
    return AGAIN if again and not ended.is_set() else 0


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # an accelerator that need not be there
    except ImportError:
        return None
    return uvloop.new_event_loop

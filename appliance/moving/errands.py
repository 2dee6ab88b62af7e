"""What each command does: who takes part, how the account is opened, which course is followed."""

import asyncio
import shutil
from typing import Any

from appliance.atproto.xrpc.errors import XrpcError
from appliance.moving import courses
from appliance.moving.courses import Desk, Seen
from appliance.moving.doors import (
    CREATE_ACCOUNT,
    PasswordDoor,
    account_here,
    arrived,
    chosen_password,
    permit,
    see_it_lives_at,
    suitable_handle,
)
from appliance.moving.folder import Folder, Zip, pack
from appliance.moving.giving import Giving, whose
from appliance.moving.identity import Parties
from appliance.moving.scene import (
    Scene,
    asker,
    begin,
    desk_of,
    identity_of,
    login_of,
    own_url,
    path_of,
    stand_in,
    tell_keys,
    tell_password,
)
from appliance.moving.server import Server
from appliance.moving.taking import Taking
from appliance.moving.trouble import Trouble, Waiting


async def export(scene: Scene) -> None:
    did = await scene.operator.did_of(scene.args.account)
    target = path_of(scene.args.where)
    is_file = target.suffix.lower() == ".zip"
    folder = Folder(target.with_name(f"{target.name}.parts") if is_file else target)
    if is_file and target.exists() and not folder.path.exists():
        raise Trouble(f"{target} is there already", "a new file", "name another one")
    desk = desk_of(scene, folder.path / "export.journal.json", "export", courses.EXPORT)
    if desk.journal.is_finished and not is_file:
        desk.journal.begin_anew()  # blobs that are here already are not fetched again
    begin(desk, did, scene.args.account)
    ours = scene.ours(await own_url(scene), lambda: did)
    await courses.export(desk, Taking(ours, folder, desk.journal, desk.progress, scene.vault))
    if is_file:
        await asyncio.to_thread(pack, folder, target)
        shutil.rmtree(folder.path, ignore_errors=True)
    scene.say(f"{target} holds the account {did}; keep it where nobody else reads it")


async def bring_in(scene: Scene) -> None:
    where = path_of(scene.args.where)
    holdings = Zip(where) if where.is_file() else Folder(where)
    account = whose(holdings)
    paper = where.with_name(f"{where.name}.import.journal.json")
    if where.is_dir():
        paper = where / "import.journal.json"
    desk = desk_of(scene, paper, "import", courses.IMPORT)
    did = str(account["did"])
    if desk.journal.is_done("arrival") and await account_here(scene.operator, did) is None:
        desk.journal.begin_anew()
    begin(desk, did, str(account.get("handle", "")))
    ours = scene.ours(await own_url(scene), lambda: did)

    async def arrive() -> Seen:
        await desk.progress.begin("arrival")
        found = await account_here(scene.operator, did)
        if found is not None:
            return arrived(found, ours.url)
        about = await ours.ask_openly("com.atproto.server.describeServer")
        handle = suitable_handle(scene.wish, account["handle"], account.get("server", {}), about)
        opened = await scene.operator.call(
            "internal.hearth.pds.receiveAccount",
            did=did,
            handle=handle,
            email=scene.wish.email or account.get("email") or stand_in(handle),
            password=chosen_password(desk.journal, scene.wish),
        )
        await desk.progress.end(f"opened as {opened['handle']}")
        return {"handle": opened["handle"], "server": ours.url}

    giving = Giving(ours, holdings, desk.journal, desk.progress, scene.vault)
    parties = Parties(ours, scene.operator, ours, None)
    password = desk.journal.secret("password") or ""
    try:
        await courses.bring_in(desk, giving, arrive, identity_of(scene, parties, desk))
    finally:
        tell_password(scene, desk, password)
    tell_keys(scene, desk)
    scene.say(f"{did} lives here now, as {desk.journal.seen('arrival').get('handle')}")


async def move_in(scene: Scene) -> None:
    args = scene.args
    folder = Folder(path_of(args.folder or f"hearth-move-{args.account}"))
    desk = desk_of(scene, folder.path / "move-in.journal.json", "move-in", courses.MOVE)
    if desk.journal.is_finished:
        here = await account_here(scene.operator, desk.journal.fact("did"))
        if here is None or not here["active"]:
            desk.journal.begin_anew()
    begin(desk, "", args.account, args.peer)
    door = PasswordDoor(
        scene.network.http, args.peer, desk.journal, lambda: login_of(scene), asker(args)
    )
    source = Server(door.client, args.peer, door)
    ours = scene.ours(await own_url(scene), lambda: str(desk.journal.fact("did")))

    async def arrive() -> Seen:
        await desk.progress.begin("arrival")
        did = desk.journal.fact("did")
        found = await account_here(scene.operator, did)
        if found is not None:
            await see_it_lives_at(ours, did, desk.journal.fact("endpoint"))
            return arrived(found, ours.url)
        about = await ours.ask_openly("com.atproto.server.describeServer")
        opened = await _open_account(scene, desk, source, ours, about)
        await desk.progress.end(f"opened as {opened['handle']}")
        return {"handle": opened["handle"], "server": ours.url}

    await _move(scene, desk, folder, Parties(ours, scene.operator, ours, source), arrive)


async def move_out(scene: Scene) -> None:
    args = scene.args
    did = await scene.operator.did_of(args.account)
    folder = Folder(path_of(args.folder or f"hearth-move-{args.account}"))
    desk = desk_of(scene, folder.path / "move-out.journal.json", "move-out", courses.MOVE)
    if desk.journal.is_finished and (await account_here(scene.operator, did))["active"]:
        desk.journal.begin_anew()
    begin(desk, did, args.account, args.peer)
    ours = scene.ours(await own_url(scene), lambda: did)

    async def login() -> tuple[str, str]:
        return did, chosen_password(desk.journal, scene.wish)

    # Until the identity has changed, the DID document does not name the new server.
    desk.journal.note(endpoint=args.peer)
    door = PasswordDoor(scene.network.http, args.peer, desk.journal, login, asker(args))
    target = Server(door.client, args.peer, door)

    async def arrive() -> Seen:
        await desk.progress.begin("arrival")
        # The answer to an earlier try may have been lost, or the member lived there before.
        if desk.journal.fact("opening") or scene.wish.password:
            try:
                session = await target.query("com.atproto.server.getSession")
                return {"handle": session["handle"], "server": target.url}
            except (Trouble, XrpcError):
                desk.journal.note(opening=None)
        about = await target.ask_openly("com.atproto.server.describeServer")
        desk.journal.note(opening=True)
        opened = await _open_account(scene, desk, ours, target, about)
        door.keep(opened)
        await desk.progress.end(f"opened as {opened['handle']}")
        return {"handle": opened["handle"], "server": target.url}

    await _move(scene, desk, folder, Parties(ours, scene.operator, target, ours), arrive)


async def _move(
    scene: Scene, desk: Desk, folder: Folder, parties: Parties, arrive: courses.Step
) -> None:
    source = parties.source or parties.ours
    source_vault, target_vault = (
        scene.vault if server is parties.ours else None for server in (source, parties.target)
    )
    taking = Taking(source, folder, desk.journal, desk.progress, source_vault)
    giving = Giving(parties.target, folder, desk.journal, desk.progress, target_vault)
    password = desk.journal.secret("password") or ""
    try:
        ending = (identity_of(scene, parties, desk), source)
        await courses.move(desk, taking, giving, arrive, ending)
    finally:
        tell_password(scene, desk, password)
    tell_keys(scene, desk)
    handle = desk.journal.seen("arrival").get("handle")
    scene.say(f"{desk.journal.fact('did')} lives at {parties.target.url} now, as {handle}")
    scene.say(f"{folder.path} still holds a copy of everything; remove it when you are content")


async def _open_account(
    scene: Scene, desk: Desk, source: Server, target: Server, about: Any
) -> Any:
    """Open the account at the new server, with the old one's word for it."""
    session = await source.query("com.atproto.server.getSession")
    old = await source.ask_openly("com.atproto.server.describeServer")
    handle = suitable_handle(scene.wish, session["handle"], old, about)
    email = scene.wish.email or session.get("email") or stand_in(handle)
    fields = {"did": session["did"], "handle": handle, "email": email}
    if about.get("inviteCodeRequired"):
        fields["inviteCode"] = scene.wish.invite or await _invite(scene)
    return await target.call_with(
        await permit(source, about["did"]),
        CREATE_ACCOUNT,
        **fields,
        password=chosen_password(desk.journal, scene.wish),
    )


async def _invite(scene: Scene) -> str:
    """Make an invite code, if it is this server that asks for one. Raises Waiting."""
    if scene.progress.about["what"] != "move-in":
        raise Waiting(
            "the new server asks for an invite code",
            "--invite CODE",
            "ask whoever runs it for a code, then give the command again",
        )
    made = await scene.operator.call("com.atproto.server.createInviteCode", useCount=1)
    return str(made["code"])

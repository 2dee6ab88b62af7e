"""Checks 35 to 40: what is said of identities and accounts."""

from appliance.atproto.crypto import PrivateKey
from appliance.firehose.events import AccountEvent, IdentityEvent, parse
from tests.relay.checks.scene import Scene, check
from tests.support.hosts import TIME


@check(35)
async def another_host_may_only_say_that_an_identity_changed(scene: Scene) -> None:
    told = IdentityEvent(scene.alice.did, TIME).frame()
    await scene.fails(told, "unchanged", scene.other)
    scene.lab.clock.ahead_us += 61_000_000
    scene.lab.directory.put(scene.alice, scene.lab.home.url, PrivateKey.generate())
    await scene.passes(told, scene.other)
    await scene.fails(told, "unchanged", scene.other)


@check(36)
async def a_handle_is_told_only_when_it_is_verified(scene: Scene) -> None:
    await scene.passes(IdentityEvent(scene.alice.did, TIME, scene.alice.handle).frame())
    head = scene.running.role.log.head()
    lie = scene.numbered(IdentityEvent(scene.alice.did, TIME, "mallory.test").frame())
    assert await scene.send(lie) == {"published": 1}
    [frame] = scene.told(head)
    told = parse(frame)
    assert isinstance(told, IdentityEvent)
    assert told.handle == scene.alice.handle


@check(37)
async def an_account_is_declared_by_its_own_host(scene: Scene) -> None:
    gone = AccountEvent(scene.alice.did, TIME, False, "deleted").frame()
    await scene.fails(gone, "wrong_host", scene.other)
    assert scene.running.role.accounts.find(scene.alice.did).active
    await scene.passes(gone)


@check(38)
async def an_unknown_status_is_kept_and_counts_as_inactive(scene: Scene) -> None:
    accounts = scene.running.role.accounts
    scene.lab.home.status[scene.alice.did] |= {"active": False, "status": "hibernating"}
    await scene.passes(AccountEvent(scene.alice.did, TIME, False).frame())
    assert accounts.find(scene.alice.did).status == "deactivated"
    await scene.passes(AccountEvent(scene.alice.did, TIME, False, "hibernating").frame())
    assert accounts.find(scene.alice.did).status == "hibernating"
    await scene.fails(scene.commit(scene.alice.post("a")), "inactive")


@check(39)
async def the_status_told_is_ours_and_the_hosts_together(scene: Scene) -> None:
    await scene.passes(AccountEvent(scene.alice.did, TIME, False, "suspended").frame())
    head = scene.running.role.log.head()
    await scene.running.role.moderation.take_down(scene.alice.did, applied=True)
    await scene.running.role.moderation.take_down(scene.alice.did, applied=False)
    told = [parse(frame) for frame in scene.told(head)]
    assert [each.status for each in told if isinstance(each, AccountEvent)] == [
        "takendown",
        "suspended",
    ]
    scene.lab.home.status[scene.alice.did] |= {"active": False, "status": "suspended"}
    await scene.fails(scene.commit(scene.alice.post("a")), "inactive")


@check(40)
async def what_is_taken_down_here_stays_down(scene: Scene) -> None:
    await scene.running.role.moderation.take_down(scene.alice.did, applied=True)
    head = scene.running.role.log.head()
    active = scene.numbered(AccountEvent(scene.alice.did, TIME, True).frame())
    assert await scene.send(active) == {"published": 1}
    [frame] = scene.told(head)
    told = parse(frame)
    assert isinstance(told, AccountEvent)
    assert (told.active, told.status) == (False, "takendown")
    news = scene.alice.post("a")
    await scene.fails(scene.commit(news), "inactive")
    await scene.running.role.moderation.take_down(scene.alice.did, applied=False)
    await scene.passes(scene.commit(news))

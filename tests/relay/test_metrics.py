"""What the relay counts can be read by the operator, and is true."""

from tests.relay.checks.scene import Scene
from tests.relay.conftest import Lab


async def test_the_metrics_tell_what_happened(lab: Lab) -> None:
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        await scene.passes(scene.commit(scene.alice.post("a")))
        await scene.fails(scene.commit(scene.alice.post("b"), ops=()), "invalid")
        url = running.server.make_url("/metrics")
        async with running.session.get(url) as answer:
            assert answer.status == 401
        headers = {"Authorization": running.role.access.header}
        async with running.session.get(url, headers=headers) as answer:
            assert answer.status == 200
            lines = (await answer.text()).splitlines()
    home = lab.home.hostname
    for line in (
        f'hearth_relay_events_received_total{{host="{home}",type="commit"}} 3',
        'hearth_relay_events_total{result="published"} 2',
        'hearth_relay_events_total{result="invalid"} 1',
        "hearth_relay_verified_total 3",
        'hearth_relay_identity_lookups_total{result="fetched"} 1',
        'hearth_relay_identity_lookups_total{result="remembered"} 2',
        "hearth_relay_accounts 1",
        "hearth_relay_quarantined 1",
        "hearth_relay_seq 2",
        'hearth_relay_hosts{status="offline"} 2',
        f'hearth_relay_host_accounts{{host="{home}"}} 1',
    ):
        assert line in lines, line
    taken = [line for line in lines if line.startswith("hearth_relay_verify_seconds_total ")]
    assert 0 < float(taken[0].split()[1]) < 5

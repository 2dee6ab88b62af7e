"""Every method of every role, asked by everybody, sensibly and not: never a fault of ours."""

from base64 import b64encode
from collections.abc import Mapping
from random import Random

import pytest

from appliance.atproto.lexicon.catalog import load_catalog
from tests.support.answered import ALWAYS_REFUSED
from tests.support.appliance import Appliance
from tests.support.client import (
    Answer,
    Client,
    Member,
    Operator,
    checked,
    join,
    sign_in,
)
from tests.support.lexicon_values import Requests
from tests.support.network_good_requests import fixed, known, taking
from tests.support.tally import ELSEWHERE, Tally, declared, meant_for

SENSIBLE = 1
WILD = 4
# A longer one is refused in plain words before it is taken for XRPC.
LONGEST_PATH = 8_000
DECLARED = declared()
BESIDE = ("relay", "labeler", "appview")
# They end what the others need: asked when all else has been.
LAST = (
    "com.atproto.server.deactivateAccount",
    "com.atproto.server.activateAccount",
    "com.atproto.server.deleteSession",
    "com.atproto.server.refreshSession",
    "com.atproto.server.revokeAppPassword",
    "com.atproto.server.deleteAccount",
    "com.atproto.identity.updateHandle",
    "com.atproto.admin.",
    "internal.hearth.",
)


@pytest.fixture
async def callers(network: Appliance, ann: Member, bob: Member) -> Mapping[str, dict[str, str]]:
    """The headers of everybody who may call."""
    operator = Operator(ann.http, network.pds, network.operator_token)
    plain = await _with_app_password(network, bob, privileged=False)
    privileged = await _with_app_password(network, bob, privileged=True)
    asleep = await join(ann.http, network.pds, "asleep")
    await asleep.post("com.atproto.server.deactivateAccount")
    gone = await join(ann.http, network.pds, "gone")
    await operator.post(
        "com.atproto.admin.updateSubjectStatus",
        subject={"$type": "com.atproto.admin.defs#repoRef", "did": gone.did},
        takedown={"applied": True, "ref": "1"},
    )
    hidden = await sign_in(ann.http, network.pds, gone.did, allowTakendown=True)
    service = await bob.get(
        "com.atproto.server.getServiceAuth", aud=await _appview_did(network, bob)
    )
    basic = b64encode(f"admin:{network.operator_token}".encode()).decode()
    tokens = {
        "member": bob.token,
        "renewal": bob.refresh,
        "app password": plain.token,
        "privileged app password": privileged.token,
        "deactivated": asleep.token,
        "taken down": hidden.token,
        "service": service["token"],
        "forged": "eyJhbGciOiJub25lIn0.e30.",
    }
    return {
        "nobody": {},
        **{name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()},
        "operator": {"Authorization": f"Basic {basic}"},
        "wrong operator": {"Authorization": f"Basic {b64encode(b'admin:x').decode()}"},
        "dpop": {"Authorization": f"DPoP {bob.token}", "DPoP": "e30.e30.e30"},
        "elsewhere": {
            "Authorization": f"Bearer {bob.token}",
            "atproto-proxy": "did:web:localhost%3A1#bsky_appview",
        },
    }


async def test_every_method_beside_the_pds_gets_through_for_whom_it_is_declared(
    network: Appliance,
    ann: Member,
    bob: Member,
    callers: Mapping[str, dict[str, str]],
    pytestconfig: pytest.Config,
) -> None:
    there = await known(ann, bob)
    operator = Operator(ann.http, network.pds, network.operator_token)
    given = await fixed(network, operator, bob, there)
    requests = Requests(load_catalog(), Random(20261121), there)  # noqa: S311
    tally, problems = Tally(), []
    for nsid in sorted(DECLARED, key=lambda nsid: (taking(nsid), nsid)):
        for role in DECLARED[nsid].keys() & set(BESIDE):
            for state in meant_for(DECLARED[nsid][role].auth):
                if (nsid, state) in ELSEWHERE or nsid in ALWAYS_REFUSED:
                    continue
                # Members come to the AppView as they do in life: by their PDS.
                base = network.pds if state == "member" else getattr(network, role)
                request = requests.plain(nsid, given.get(nsid, {}))
                answer = await _send(Client(ann.http, base), request, callers[state])
                tally.note(nsid, state, answer.status, _told(answer))
                if answer.status >= 300:
                    problems.append(f"{nsid} of {role} for {state}: {answer.error}")
    tally.keep(pytestconfig.getoption("--tally"), "network-good")
    assert problems == [], "\n".join(problems)


async def test_no_method_fails_for_anybody(
    network: Appliance,
    ann: Member,
    bob: Member,
    callers: Mapping[str, dict[str, str]],
    pytestconfig: pytest.Config,
) -> None:
    random = Random(20261121)  # noqa: S311
    catalog = load_catalog()
    operator = Operator(ann.http, network.pds, network.operator_token)
    there = await known(ann, bob)
    requests = Requests(catalog, random, there, await fixed(network, operator, bob, there))
    methods = [nsid for nsid, main in catalog.methods.items() if main["type"] != "subscription"]
    methods.sort(key=lambda nsid: (nsid.startswith(LAST), random.random()))
    faults: list[str] = []
    accepted = refused = 0
    tally = Tally()
    said = len(network.stderr())
    for nsid in methods:
        for caller, headers in callers.items():
            for attempt in range(SENSIBLE + (WILD if caller in ("member", "operator") else 1)):
                request = requests.make(nsid, wild=attempt >= SENSIBLE)
                base = _role(network, nsid, random)
                answer = await _send(Client(ann.http, base), request, headers)
                tally.note(nsid, caller, answer.status, _told(answer))
                fault = _fault(nsid, answer) if len(request[1]) < LONGEST_PATH else ""
                if fault:
                    faults.append(f"{caller}: {request[:3]!s:.600}: {fault}")
                refused, accepted = (
                    (refused + 1, accepted) if answer.status >= 400 else (refused, accepted + 1)
                )
    tally.keep(pytestconfig.getoption("--tally"), "network")
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:20])
    assert network.complaints(said) == []
    # Both happen often, or the requests were not worth much.
    assert accepted > 300, (accepted, refused)
    assert refused > 1_000, (accepted, refused)


def _role(network: Appliance, nsid: str, random: Random) -> str:
    """Choose whom to ask: the PDS, as members do, or who declares the method; anybody now and then.

    The directory and the neighbours have no XRPC of their own for others.
    """
    by_name = {role: getattr(network, role) for role in BESIDE}
    others = [base for role, base in by_name.items() if role in DECLARED.get(nsid, ())]
    if random.random() < 0.1:
        return str(random.choice([network.pds, *by_name.values()]))
    return str(random.choice([network.pds, *others]))


async def _send(
    client: Client, request: tuple[str, str, bytes | None, dict[str, str]], headers: dict[str, str]
) -> Answer:
    verb, path, body, own = request
    return await client.raw(verb, path, body, {**own, **headers})


def _told(answer: Answer) -> object:
    return answer.json if answer.status >= 400 and answer.body[:1] == b"{" else None


def _fault(nsid: str, answer: Answer) -> str:
    """Say what is wrong with an answer, or nothing."""
    if answer.status >= 500:
        told = answer.json
        # A member may name another service, which is not there.
        if answer.status in (501, 502) and told["error"] in (
            "MethodNotImplemented",
            "UpstreamFailure",
        ):
            return ""
        return f"{answer.status} {told}"
    if answer.status >= 400:
        told = answer.json
        return "" if isinstance(told.get("error"), str) and told["error"] else f"no name: {told}"
    if 300 <= answer.status < 400:
        return ""
    try:
        checked(nsid, answer)
    except ValueError as problem:
        return f"not valid under its lexicon: {problem}"
    return ""


async def _with_app_password(network: Appliance, owner: Member, *, privileged: bool) -> Member:
    made = await owner.post(
        "com.atproto.server.createAppPassword", name=f"app {privileged}", privileged=privileged
    )
    return await sign_in(owner.http, network.pds, owner.did, made["password"])


async def _appview_did(network: Appliance, caller: Member) -> str:
    port = network.appview.rpartition(":")[2]
    return f"did:web:localhost%3A{port}"

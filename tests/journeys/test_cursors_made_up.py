"""A cursor that nobody was given: a page or a plain refusal, by every method of every role."""

from base64 import b64encode
from collections import Counter
from itertools import product
from random import Random

from appliance.atproto.lexicon.catalog import load_catalog
from tests.support.appliance import Appliance
from tests.support.client import Client, Member, Operator, checked
from tests.support.lexicon_values import Requests
from tests.support.network_good_requests import fixed, known
from tests.support.tally import declared

FAR = 10**18 - 1
BESIDE = ("relay", "labeler", "appview")
# A method of another role, or of a service that is not there.
UNKNOWN_HERE = (501, 502)
CURSORS = (
    "0",
    "-1",
    "NaN",
    "1e309",
    str(2**63),
    "9" * 4_000,
    "٣",
    "\x00",
    "%' OR 1=1 --",
    "../../etc/passwd",
    "3jzfcijpj2z2a",
    "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
    "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/3jzfcijpj2z2a",
    f"{FAR}_{FAR}",
    f"{FAR}__0",
    "1970-01-01T00:00:00.000Z::3jzfcijpj2z2a",
    "+999999-12-31T23:59:59Z",
    b64encode(b'{"offset":-5}').decode(),
    "\ufffe\U0001f468",
)


async def test_it_is_a_page_or_a_plain_refusal(
    network: Appliance, ann: Member, bob: Member
) -> None:
    catalog, roles = load_catalog(), declared()
    there = await known(ann, bob)
    operator = Operator(ann.http, network.pds, network.operator_token)
    given = await fixed(network, operator, bob, there)
    requests = Requests(catalog, Random(1), there, given)  # noqa: S311
    by_operator = b64encode(f"admin:{network.operator_token}".encode()).decode()
    callers: tuple[dict[str, str], ...] = (
        {},
        {"Authorization": f"Bearer {bob.token}"},
        {"Authorization": f"Basic {by_operator}"},
    )
    faults: list[str] = []
    reached: Counter[str] = Counter()
    said = len(network.stderr())
    for nsid, main in catalog.methods.items():
        taken = main.get("parameters", {}).get("properties", {})
        if main["type"] != "query" or "cursor" not in taken or nsid not in roles:
            continue
        bases = {getattr(network, role) for role in roles[nsid] if role in BESIDE}
        asked = product(sorted({network.pds, *bases}), callers, CURSORS)
        for base, headers, cursor in asked:
            request = requests.plain(nsid, {**given.get(nsid, {}), "cursor": cursor})
            verb, path, body, own = request
            answer = await Client(ann.http, base).raw(verb, path, body, {**own, **headers})
            if answer.status == 200:
                checked(nsid, answer)
                reached[nsid] += 1
            elif answer.status in UNKNOWN_HERE or 400 <= answer.status < 500:
                assert answer.json["error"], (nsid, cursor)
            else:
                faults.append(f"{nsid} at {base}, {cursor[:60]!r}: {answer.status} {answer.body!r}")
    assert faults == [], "\n".join(faults[:40])
    assert network.complaints(said) == []
    # Or the requests were not worth much.
    assert len(reached) > 50

from dataclasses import dataclass

import pytest

from appliance.atproto import jwt
from appliance.atproto.crypto import PrivateKey, PublicKey
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.errors import AuthRequired
from appliance.atproto.xrpc.service_auth import mint, verify

ALICE = Did("did:web:alice.test")
SERVICE = "did:web:appview.test"
LXM = "app.bsky.feed.getTimeline"
NOW = 1_790_000_000.0


@dataclass(frozen=True)
class Document:
    signing_key: PublicKey | None


class Resolver:
    """Knows one key; the fresh one may differ from the one it remembers."""

    def __init__(self, known: PublicKey | None, fresh: PublicKey | None) -> None:
        self._keys = {False: known, True: fresh}
        self.asked: list[bool] = []

    async def document(self, did: Did, fresh: bool = False) -> Document:
        assert did == ALICE
        self.asked.append(fresh)
        return Document(self._keys[fresh])


@pytest.fixture
def key() -> PrivateKey:
    return PrivateKey.generate()


async def check(token: str, resolver: Resolver, now: float = NOW, lxm: str = LXM) -> Did:
    return await verify(token, audience=(SERVICE,), lxm=lxm, resolver=resolver, now=now)


@pytest.mark.parametrize("curve", ["k256", "p256"])
async def test_a_token_of_the_account_is_taken(curve: str) -> None:
    made = PrivateKey.generate("p256" if curve == "p256" else "k256")
    resolver = Resolver(made.public, None)
    assert await check(mint(made, ALICE, SERVICE, LXM, NOW), resolver) == ALICE
    assert resolver.asked == [False]


async def test_a_new_key_is_looked_up_once(key: PrivateKey) -> None:
    old = PrivateKey.generate().public
    resolver = Resolver(old, key.public)
    assert await check(mint(key, ALICE, SERVICE, LXM, NOW), resolver) == ALICE
    assert resolver.asked == [False, True]
    with pytest.raises(AuthRequired) as caught:
        await check(mint(key, ALICE, SERVICE, LXM, NOW), Resolver(old, old))
    assert caught.value.name == "BadJwtSignature"


async def test_an_account_without_a_key_cannot_be_spoken_for(key: PrivateKey) -> None:
    with pytest.raises(AuthRequired):
        await check(mint(key, ALICE, SERVICE, LXM, NOW), Resolver(None, None))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"aud": "did:web:other.test"}, "BadJwtAudience"),
        ({"lxm": "app.bsky.feed.getPosts"}, "BadJwtLexiconMethod"),
        ({"lxm": None}, "BadJwtLexiconMethod"),
        ({"exp": NOW - 1}, "JwtExpired"),
        ({"exp": NOW + 100_000}, "BadJwt"),
        ({"exp": "soon"}, "BadJwt"),
        ({"iss": "alice.test"}, "BadJwt"),
        ({"iss": f"{ALICE}#other"}, "BadJwtIss"),
        ({"iss": 5}, "BadJwt"),
        ({"aud": [SERVICE]}, "BadJwt"),
    ],
)
async def test_every_claim_counts(key: PrivateKey, change: dict[str, object], name: str) -> None:
    claims = {"iss": ALICE, "aud": SERVICE, "lxm": LXM, "exp": NOW + 60, **change}
    resolver = Resolver(key.public, key.public)
    with pytest.raises(AuthRequired) as caught:
        await check(jwt.encode_es(key, claims), resolver)
    assert caught.value.name == name
    assert resolver.asked == []


@pytest.mark.parametrize("typ", ["at+jwt", "refresh+jwt", "dpop+jwt"])
async def test_tokens_of_other_kinds_are_refused(key: PrivateKey, typ: str) -> None:
    claims = {"iss": ALICE, "aud": SERVICE, "lxm": LXM, "exp": NOW + 60}
    with pytest.raises(AuthRequired) as caught:
        await check(jwt.encode_es(key, claims, typ), Resolver(key.public, None))
    assert caught.value.name == "BadJwtType"
    with pytest.raises(AuthRequired) as caught:
        await check(jwt.encode_hs256(b"x" * 32, typ, {"sub": ALICE}), Resolver(key.public, None))
    assert caught.value.name == "BadJwtType"


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 100_000, "..", "é.é.é"])
async def test_what_is_no_token_is_refused(key: PrivateKey, token: str) -> None:
    with pytest.raises(AuthRequired):
        await check(token, Resolver(key.public, None))


async def test_a_token_made_of_another_algorithm_is_refused(key: PrivateKey) -> None:
    claims = {"iss": ALICE, "aud": SERVICE, "lxm": LXM, "exp": NOW + 60}
    forged = jwt.encode_hs256(key.public.compressed, "JWT", claims)
    with pytest.raises(AuthRequired) as caught:
        await check(forged, Resolver(key.public, key.public))
    assert caught.value.name == "BadJwtSignature"


def test_a_token_lives_a_minute_and_is_unlike_any_other(key: PrivateKey) -> None:
    first, second = (jwt.parse(mint(key, ALICE, SERVICE, LXM, NOW)).claims for _ in range(2))
    assert first["exp"] - first["iat"] == 60
    assert first["jti"] != second["jti"]
    assert "lxm" not in jwt.parse(mint(key, ALICE, SERVICE, None, NOW)).claims

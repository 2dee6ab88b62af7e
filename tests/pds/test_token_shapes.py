"""The four tokens of this server, with joserfc as referee: what one writes the other reads.

Every bent, cut, mixed or re-signed token has to be refused by the checker of every shape.
"""

import random
import string
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from joserfc import jwt as jose
from joserfc.jwk import ECKey, OctKey

from appliance.atproto.crypto import PrivateKey, PublicKey
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc import service_auth
from appliance.atproto.xrpc.errors import AuthRequired
from appliance.pds.oauth.errors import InvalidToken
from appliance.pds.oauth.tokens import OAuthClaims, TokenWriter
from appliance.pds.sessions import BadSessionToken, ExpiredSessionToken, TokenMint
from tests.support.clock import FakeClock
from tests.support.oauth_client import base64url

ALICE = Did("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")
SERVER = Did("did:web:pds.example")
ISSUER = "https://pds.example"
OTHER = "did:web:appview.example"
LXM = "app.bsky.feed.getTimeline"
# One secret for both kinds of tokens that are sealed: nothing but their shape tells them apart.
SECRET = b"s" * 64
CLOCK = FakeClock()
NOW = int(CLOCK.now())
MINT = TokenMint(SECRET, SERVER, CLOCK)
WRITER = TokenWriter(SECRET, ISSUER, SERVER, CLOCK)
SEALING = OctKey.import_key(SECRET)
GRANT, THUMBPRINT = "g" * 22, base64url(b"k" * 32)
REFUSALS = (BadSessionToken, ExpiredSessionToken, InvalidToken, AuthRequired)


class Account:
    """A DID document that holds one key."""

    def __init__(self, curve: str) -> None:
        self.private = PrivateKey.generate("k256" if curve == "secp256k1" else "p256")
        self.signing_key: PublicKey | None = self.private.public
        self.jose = ECKey.import_key(
            {**self.private.public.to_jwk(), "d": base64url(self.private.to_bytes())}
        )

    async def document(self, _did: Did, fresh: bool = False) -> "Account":
        return self


@dataclass(frozen=True)
class Shape:
    """A kind of token: how we write it, how we check it, and what stands in it."""

    alg: str
    key: Any
    header: dict[str, Any]
    claims: dict[str, Any]
    write: Callable[[], str]
    check: Callable[[str], Awaitable[object]]

    def by_the_referee(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Have joserfc write a token of this shape; a claim of None is left out."""
        claims = {k: v for k, v in {**self.claims, **changes}.items() if v is not None}
        made = {**self.header, **(header or {})}
        return jose.encode(made, claims, self.key, algorithms=[made["alg"]])


async def _check_session(token: str) -> object:
    # A mint that remembers nothing: each token is read to the letter.
    return TokenMint(SECRET, SERVER, CLOCK).check_access(token)


async def _check_refresh(token: str) -> object:
    return MINT.check_refresh(token)


async def _check_oauth(token: str) -> object:
    return TokenWriter(SECRET, ISSUER, SERVER, CLOCK).check_access(token)


def _service(curve: str) -> Shape:
    account = Account(curve)
    alg = account.private.public.alg

    async def check(token: str) -> object:
        return await service_auth.verify(
            token, audience=[OTHER], lxm=LXM, resolver=account, now=CLOCK.now()
        )

    return Shape(
        alg,
        account.jose,
        {"typ": "JWT", "alg": alg},
        {"iat": NOW, "iss": ALICE, "aud": OTHER, "exp": NOW + 60, "jti": "j" * 32, "lxm": LXM},
        lambda: service_auth.mint(account.private, ALICE, OTHER, LXM, CLOCK.now()),
        check,
    )


def _sealed(
    typ: str,
    claims: dict[str, Any],
    write: Callable[[], str],
    check: Callable[[str], Awaitable[object]],
) -> Shape:
    times = {"aud": SERVER, "sub": ALICE, "iat": NOW}
    return Shape("HS256", SEALING, {"typ": typ, "alg": "HS256"}, {**times, **claims}, write, check)


SHAPES = {
    "session": _sealed(
        "at+jwt",
        {"scope": "com.atproto.access", "exp": NOW + 7200},
        lambda: MINT.access(ALICE, "full"),
        _check_session,
    ),
    "refresh": _sealed(
        "refresh+jwt",
        {"scope": "com.atproto.refresh", "jti": "j" * 20, "exp": NOW + 600},
        lambda: MINT.refresh(ALICE, "j" * 20, NOW + 600),
        _check_refresh,
    ),
    "oauth": _sealed(
        "at+jwt",
        {
            "iss": ISSUER,
            "client_id": "http://localhost",
            "jti": f"{GRANT}.1",
            "exp": NOW + 900,
            "cnf": {"jkt": THUMBPRINT},
        },
        lambda: WRITER.access(
            OAuthClaims(GRANT, 1, ALICE, THUMBPRINT, NOW + 900), "http://localhost"
        ),
        _check_oauth,
    ),
    "service k256": _service("secp256k1"),
    "service p256": _service("P-256"),
}
ALL = pytest.mark.parametrize("name", SHAPES)


async def is_good(shape: Shape, token: str) -> bool:
    try:
        await shape.check(token)
    except REFUSALS:
        return False
    return True


@ALL
async def test_the_referee_reads_what_we_write(name: str) -> None:
    shape = SHAPES[name]
    read = jose.decode(shape.write(), shape.key, algorithms=[shape.alg])
    assert read.header == shape.header
    assert set(read.claims) == set(shape.claims)
    jose.JWTClaimsRegistry(
        now=lambda: NOW, exp={"essential": True}, aud={"essential": True}
    ).validate(read.claims)
    same = {claim for claim in shape.claims if claim not in ("jti", "exp")}
    assert {claim: read.claims[claim] for claim in same} == {
        claim: shape.claims[claim] for claim in same
    }


@ALL
async def test_we_read_what_the_referee_writes(name: str) -> None:
    shape = SHAPES[name]
    assert await is_good(shape, shape.by_the_referee())
    assert await is_good(shape, shape.write())


@ALL
@pytest.mark.parametrize("other", SHAPES)
async def test_no_token_passes_for_another(name: str, other: str) -> None:
    if name != other:
        assert not await is_good(SHAPES[name], SHAPES[other].write())


@ALL
async def test_no_other_key_will_do(name: str) -> None:
    shape = SHAPES[name]
    for other in SHAPES.values():
        if other.key is shape.key:
            continue
        algorithm = other.alg
        token = jose.encode(
            {**shape.header, "alg": algorithm}, shape.claims, other.key, algorithms=[algorithm]
        )
        assert not await is_good(shape, token)


@ALL
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", "HS384", "HS512", "RS256", "ES256"])
async def test_the_token_does_not_choose_its_algorithm(name: str, alg: str) -> None:
    shape = SHAPES[name]
    if alg == shape.alg:
        return
    header = base64url(orjson.dumps({**shape.header, "alg": alg}))
    _, claims, seal = shape.write().split(".")
    for signature in (seal, ""):
        assert not await is_good(shape, f"{header}.{claims}.{signature}")


# Claims that are wrong under a seal that is right.
WRONG: dict[str, list[dict[str, Any]]] = {
    "session": [
        {"aud": OTHER},
        {"aud": None},
        {"sub": "alice"},
        {"sub": None},
        {"exp": NOW},
        {"exp": None},
        {"exp": "never"},
        {"scope": "com.atproto.refresh"},
        {"scope": "atproto"},
        {"scope": None},
        {"cnf": {"jkt": THUMBPRINT}},
    ],
    "refresh": [
        {"aud": OTHER},
        {"sub": "alice"},
        {"exp": NOW - 1},
        {"scope": "com.atproto.access"},
        {"jti": None},
        {"jti": 7},
        {"cnf": {"jkt": THUMBPRINT}},
    ],
    "oauth": [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": OTHER},
        {"aud": None},
        {"exp": NOW},
        {"cnf": None},
        {"cnf": "key"},
        {"jti": None},
        {"jti": GRANT},
        {"jti": f"{GRANT}.x"},
    ],
    "service": [
        {"aud": str(SERVER)},
        {"aud": None},
        {"lxm": "app.bsky.feed.getFeed"},
        {"lxm": None},
        {"exp": NOW - 1},
        {"exp": None},
        {"exp": NOW + 100_000},
        {"iss": "alice"},
        {"iss": None},
        {"iss": f"{ALICE}#other_key"},
    ],
}


@pytest.mark.parametrize(
    ("name", "changes"),
    [(name, each) for name in SHAPES for each in WRONG[name.partition(" ")[0]]],
    ids=str,
)
async def test_a_right_seal_under_wrong_claims_is_refused(
    name: str, changes: dict[str, Any]
) -> None:
    assert not await is_good(SHAPES[name], SHAPES[name].by_the_referee(**changes))


@ALL
async def test_another_type_is_refused(name: str) -> None:
    shape = SHAPES[name]
    for typ in ("at+jwt", "refresh+jwt", "dpop+jwt"):
        if typ != shape.header["typ"]:
            assert not await is_good(shape, shape.by_the_referee({"typ": typ}))


@ALL
async def test_one_letter_anywhere_is_enough_to_be_refused(name: str) -> None:
    shape, dice = SHAPES[name], random.Random(name)  # noqa: S311
    token = shape.write()
    letters = string.ascii_letters + string.digits + "-_"
    for place, letter in enumerate(token):
        other = dice.choice([each for each in letters if each != letter])
        assert not await is_good(shape, token[:place] + other + token[place + 1 :]), place


def bend(dice: random.Random, token: str, others: list[str]) -> str:
    """Do something to a token that leaves it looking like one."""
    parts = token.split(".")
    match dice.randrange(9):
        case 0:
            place = dice.randrange(len(token))
            return token[:place] + token[place + dice.randrange(1, 6) :]
        case 1:
            place = dice.randrange(len(token))
            return token[:place] + dice.choice("=+/ .\n\x00Aé") + token[place:]
        case 2:
            dice.shuffle(parts)
            return ".".join(parts)
        case 3:
            number = dice.randrange(3)
            parts[number] = dice.choice(others).split(".")[number]
            return ".".join(parts)
        case 4:
            return token + dice.choice(["=", "==", ".", " ", "\n", ".x", token])
        case 5:
            number = dice.randrange(3)
            parts[number] = base64url(dice.randbytes(dice.randrange(0, 90)))
            return ".".join(parts)
        case 6:
            return dice.choice(["", ".", "..", "...", parts[0], ".".join(parts[:2])])
        case 7:
            value = orjson.loads(_unpacked(parts[1]))
            value[dice.choice(["exp", "sub", "iss", "aud", "scope"])] = dice.choice(
                [None, True, 9**15, -1, "", [], {}, "x" * 3000]
            )
            parts[1] = base64url(orjson.dumps(value))
            return ".".join(parts)
        case _:
            parts[2] = parts[2][::-1]
            return ".".join(parts)


def _unpacked(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


@ALL
async def test_a_bent_token_passes_nowhere(name: str) -> None:
    shape, dice = SHAPES[name], random.Random(f"bend {name}")  # noqa: S311
    token = shape.write()
    others = [*(each.write() for each in SHAPES.values()), token]
    bent = {bend(dice, token, others) for _ in range(4000)} - {token}
    assert len(bent) > 1000
    assert [each for each in bent if await is_good(shape, each)] == []


ODD: list[Any] = [True, 0, -1, 2**53, 1.5, 1e300, "", "x", "did:", [], ["x"], {}, {"jkt": 7}, [[]]]


@ALL
async def test_odd_claims_under_a_right_seal_break_nothing(name: str) -> None:
    """What is not refused is what the referee reads, and says of the member what it said before."""
    shape, dice = SHAPES[name], random.Random(f"odd {name}")  # noqa: S311
    who = "iss" if name.startswith("service") else "sub"
    passed = 0
    for _ in range(300):
        claim = dice.choice([*shape.claims, "nbf", "cnf", "act"])
        token = shape.by_the_referee(**{claim: dice.choice(ODD)})
        if await is_good(shape, token):
            passed += 1
            read = jose.decode(token, shape.key, algorithms=[shape.alg])
            assert str(read.claims[who]).startswith("did:")
    assert passed < 200

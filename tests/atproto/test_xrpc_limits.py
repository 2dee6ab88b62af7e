import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from appliance.atproto.xrpc import limits as module
from appliance.atproto.xrpc.errors import RateLimitExceeded
from appliance.atproto.xrpc.limits import Limits, Policy, Rule, address_key, client_address


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_points_are_used_up_and_come_back_steadily() -> None:
    time = Time()
    limits = Limits(time, Policy())
    rules = (Rule(10, 100),)
    for _ in range(10):
        limits.take("x", "key", rules)
    with pytest.raises(RateLimitExceeded) as caught:
        limits.take("x", "key", rules)
    assert caught.value.headers == {
        "RateLimit-Limit": "10",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "1010",
        "RateLimit-Policy": "10;w=100",
        "Retry-After": "10",
    }
    time.now += 10
    limits.take("x", "key", rules)
    with pytest.raises(RateLimitExceeded):
        limits.take("x", "key", rules)


def test_keys_and_names_are_counted_apart() -> None:
    limits = Limits(Time(), Policy())
    rules = (Rule(1, 60),)
    for name, key in (("a", "1"), ("a", "2"), ("b", "1")):
        limits.take(name, key, rules)
    with pytest.raises(RateLimitExceeded):
        limits.take("a", "1", rules)


def test_points_are_taken_from_all_rules_or_none() -> None:
    time = Time()
    limits = Limits(time, Policy())
    rules = (Rule(10, 60), Rule(3, 3600))
    limits.take("x", "key", rules, points=3)
    for _ in range(20):
        with pytest.raises(RateLimitExceeded):
            limits.take("x", "key", rules)
    limits.take("x", "key", rules[:1], points=7)


def test_a_clock_set_back_gives_nothing_away() -> None:
    time = Time()
    limits = Limits(time, Policy())
    limits.take("x", "key", (Rule(1, 60),))
    time.now -= 500
    with pytest.raises(RateLimitExceeded):
        limits.take("x", "key", (Rule(1, 60),))


def test_buckets_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BUCKETS", 10)
    limits = Limits(Time(), Policy())
    for number in range(100):
        limits.take("x", str(number), (Rule(1, 60),))
    limits.take("x", "0", (Rule(1, 60),))
    with pytest.raises(RateLimitExceeded):
        limits.take("x", "99", (Rule(1, 60),))


def test_an_ipv6_network_is_counted_as_one() -> None:
    assert address_key("2a00:1:2:3::1") == address_key("2a00:1:2:3:ffff::9")
    assert address_key("2a00:1:2:3::1") != address_key("2a00:1:2:4::1")
    assert address_key("::ffff:1.2.3.4") == address_key("1.2.3.4") == "1.2.3.4"
    assert address_key("") == ""


@pytest.mark.parametrize(
    ("trusted", "header", "expected"),
    [
        (0, "6.6.6.6", "peer"),
        (1, "6.6.6.6, 2.2.2.2", "2.2.2.2"),
        (2, "6.6.6.6, 2.2.2.2, 3.3.3.3", "2.2.2.2"),
        (2, "6.6.6.6", "peer"),
        (1, "", "peer"),
    ],
)
def test_only_trusted_proxies_are_believed(trusted: int, header: str, expected: str) -> None:
    headers = {"X-Forwarded-For": header} if header else {}
    request = make_mocked_request("GET", "/", headers=headers)
    found = client_address(request.clone(remote="peer"), trusted)
    assert found == expected


def test_a_proxy_that_adds_a_line_of_its_own_is_the_one_believed() -> None:
    lines = CIMultiDict([("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "2.2.2.2")])
    request = make_mocked_request("GET", "/", headers=lines)
    assert client_address(request.clone(remote="peer"), 1) == "2.2.2.2"


def test_our_own_roles_are_not_counted() -> None:
    limits = Limits(Time(), Policy(any_method=(Rule(1, 60),)))
    request = make_mocked_request("GET", "/")
    for _ in range(3):
        limits.check_request("t.a", request.clone(remote=""))
    limits.check_request("t.a", request.clone(remote="1.2.3.4"))
    with pytest.raises(RateLimitExceeded):
        limits.check_request("t.a", request.clone(remote="1.2.3.4"))

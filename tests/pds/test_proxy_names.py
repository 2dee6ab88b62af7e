"""By which names an app's permission may call the service that a call goes to."""

from typing import Any, cast

import pytest

from appliance.atproto.syntax import Did
from appliance.pds.appview_choices import USUAL, AppViewChoice
from appliance.pds.proxy import BLUESKY, NoService, Proxy, Routes
from tests.support.clock import FakeClock

OWN = Did("did:web:home.example")
NAMED = AppViewChoice.of("did:web:named.example#bsky_appview")
NOTHING = cast(Any, None)


def proxy(appview: Did = OWN, *, intercept: bool = True) -> Proxy:
    routes = Routes(OWN, "unix:appview.sock", appview, intercept)
    return Proxy(NOTHING, NOTHING, NOTHING, routes, FakeClock())


@pytest.mark.parametrize(
    ("header", "intercept", "choice", "names"),
    [
        (None, True, USUAL, [f"{OWN}#bsky_appview", f"{BLUESKY}#bsky_appview"]),
        (None, False, USUAL, [f"{OWN}#bsky_appview"]),
        (f"{OWN}#bsky_notif", True, USUAL, [f"{OWN}#bsky_notif", f"{BLUESKY}#bsky_notif"]),
        (
            f"{BLUESKY}#bsky_appview",
            True,
            USUAL,
            [f"{BLUESKY}#bsky_appview", f"{OWN}#bsky_appview"],
        ),
        (f"{BLUESKY}#bsky_appview", False, USUAL, [f"{BLUESKY}#bsky_appview"]),
        (f"{BLUESKY}#bsky_appview", True, AppViewChoice.of("any"), [f"{BLUESKY}#bsky_appview"]),
        (f"{BLUESKY}#atproto_labeler", True, USUAL, [f"{BLUESKY}#atproto_labeler"]),
        ("did:web:far.example#svc", True, USUAL, ["did:web:far.example#svc"]),
        (
            None,
            True,
            NAMED,
            [
                f"{OWN}#bsky_appview",
                f"{BLUESKY}#bsky_appview",
                "did:web:named.example#bsky_appview",
            ],
        ),
        (
            "did:web:named.example#bsky_appview",
            True,
            USUAL,
            ["did:web:named.example#bsky_appview"],
        ),
    ],
)
def test_a_service_has_the_name_it_is_called_by_and_those_that_mean_the_same(
    header: str | None, intercept: bool, choice: AppViewChoice, names: list[str]
) -> None:
    assert proxy(intercept=intercept).names(header, choice) == names


@pytest.mark.parametrize("header", ["x", "did:web:a.example", "did:web:a.example#b#c", "#b"])
def test_what_names_no_service_has_no_name(header: str) -> None:
    with pytest.raises(NoService):
        proxy().names(header)

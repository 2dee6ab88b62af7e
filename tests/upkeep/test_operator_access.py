import base64
from pathlib import Path

import pytest

from appliance.upkeep.operator_access import OperatorAccess


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_the_operator_comes_in_with_the_token_in_the_file(tmp_path: Path) -> None:
    access = OperatorAccess(tmp_path / "operator-token")
    assert access.admits(access.header)
    again = OperatorAccess(tmp_path / "operator-token")
    assert again.admits(access.header)
    assert access.admits(access.header.replace("Basic", "BASIC"))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ???",
        "Basic w6",
        "Bearer {token}",
        basic("admin:"),
        basic("root:{token}"),
    ],
)
def test_nobody_else_does(tmp_path: Path, header: str) -> None:
    access = OperatorAccess(tmp_path / "operator-token")
    assert not access.admits(header.replace("{token}", access.token))
    assert not access.admits(basic(f"root:{access.token}"))
    assert not access.admits(access.header.replace("Basic", "Bearer"))

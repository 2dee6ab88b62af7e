"""The units of systemd that say the same in two places."""

from tests.support.appliance import ROOT

ALONE = {
    "Conflicts=hearth.service",
    "Description=Hearth, the role %i by itself",
    "After=network.target time-sync.target hearth.service",
}
TOGETHER = {
    "Description=Hearth, a social network of your own",
    "After=network.target time-sync.target",
    "ExecStartPre=+/bin/sh /opt/hearth/switch.sh before-start",
}


def lines(name: str) -> list[str]:
    """Give what counts of a unit."""
    text = (ROOT / "systemd" / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_a_role_by_itself_is_confined_and_watched_as_all_of_them_are() -> None:
    together, alone = lines("hearth.service"), lines("hearth@.service")
    begin = next(line for line in together if line.startswith("ExecStart="))
    expected = [line for line in together if line not in {*TOGETHER, begin}]
    kept = [line for line in alone if line not in {*ALONE, f"{begin} --role %i"}]
    assert kept == expected
    assert set(alone) > ALONE
    assert f"{begin} --role %i" in alone

"""What somebody who helps is given: enough to help, and nobody's name."""

import io
import zipfile

from appliance.upkeep.support_bundle import Sources, as_zip, files

ANN = "did:plc:ar7c4by46qjdydhdevvrndac"
SOURCES = Sources(
    settings=[
        ("network.name", "The Smiths"),
        ("pds.hostname", "smith.example"),
        ("smtp.url", "smtps://ann%40example.com:hunter22@mail.example.com:465"),
    ],
    status={
        "relay": None,
        "pds": {"findings": [{"seen": f"{ANN} (ann.smith.example) does not resolve"}]},
    },
    log=[
        f"2026-11-21T10:00:00.000Z info appliance: {ANN} asked from 203.0.113.7",
        "2026-11-21T10:00:01.000Z info appliance: again 203.0.113.7, 2001:db8:1:2::7, 127.0.0.1",
        "2026-11-21T10:00:02.000Z warning appliance: mail to ann@example.com, Bearer abcdefghijkl",
    ],
    domains=(".smith.example",),
)


def test_nobody_is_named_and_no_secret_is_told() -> None:
    told = "".join(files(SOURCES).values())
    for secret in ("The Smiths", "hunter22", ANN, "ann", "203.0.113.7", "2001:db8", "abcdefgh"):
        assert secret not in told
    assert "pds.hostname = 'smith.example'" in told


def test_the_same_person_is_the_same_everywhere() -> None:
    found = files(SOURCES)
    assert "person-1 (person-2) does not resolve" in found["status.json"]
    assert "person-1 asked from address-3" in found["log.txt"]
    assert "again address-3, address-4, 127.0.0.1" in found["log.txt"]
    assert '"relay": null' in found["status.json"]


def test_the_file_holds_what_was_shown() -> None:
    shown = files(SOURCES)
    with zipfile.ZipFile(io.BytesIO(as_zip(shown))) as archive:
        held = {name: archive.read(name).decode() for name in archive.namelist()}
    assert held == {f"hearth-support/{name}": text for name, text in shown.items()}

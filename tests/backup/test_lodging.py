"""A network keeps its copies at another Hearth, over the door of that one."""

from pathlib import Path

import pytest

from appliance.backup.engine import BackupFailed, Engine, Saved
from appliance.backup.take import engine_of
from appliance.settings import defaults
from appliance.upkeep.lodging.lodgers import Lodgers
from tests.support.appliance import Appliance

pytestmark = pytest.mark.slow


def keep(engine: Engine, folder: Path, number: int) -> Saved:
    (folder / "letter").write_text(f"the words of day {number}")
    return engine.save([folder], [], lambda *_: None)


def test_copies_are_kept_proven_thinned_out_and_brought_back(tmp_path: Path) -> None:
    host = Appliance()
    token = Lodgers(host.data).let_in("attic", 10**8)
    own = tmp_path / "own"
    (own / "secrets").mkdir(parents=True)
    login = own / "secrets" / "backup-rest-login"
    login.write_text(f"attic:{token}\n")
    target = f"rest:{host.pds}/-/copies/attic/"
    settings = defaults("home", own).with_values({"backup.target": target})
    engine = engine_of(settings)
    engine.prepare(expected=False)
    folder = tmp_path / "folder"
    folder.mkdir()
    saved = [keep(engine, folder, number) for number in range(3)][-1]
    assert saved.bytes > 0
    engine.check()
    engine.thin_out()
    assert [one.id for one in engine.snapshots()][-1] == saved.id[:8]
    engine.fetch(saved.id, tmp_path / "back")
    (back,) = (tmp_path / "back").rglob("letter")
    assert back.read_text() == "the words of day 2"
    # Two snapshots of that day were forgotten; the host still has them.
    aside = list((host.data / "lodging" / "attic" / "deleted" / "snapshots").iterdir())
    assert len(aside) == 2

    login.write_text("attic:another-token\n")
    with pytest.raises(BackupFailed, match="may not be written to or read") as refused:
        engine_of(settings).snapshots()
    assert "another-token" not in str(refused.value)

    # Who has used up all room can still have back what is there.
    login.write_text(f"attic:{Lodgers(host.data).let_in('attic', 1)}\n")
    engine_of(settings).fetch(saved.id, tmp_path / "again")
    assert list((tmp_path / "again").rglob("letter"))
    host.finish()

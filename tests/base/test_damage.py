"""What the two checks of a file see of damage."""

from contextlib import closing
from pathlib import Path

from appliance.base.damage import damage_in
from appliance.base.database import Connection


def test_a_value_changed_where_it_lies_is_found_with_the_indexes(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"
    path.touch()
    with closing(Connection(path, writable=True)) as conn:
        conn.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT")
        conn.execute("INSERT INTO note (text) VALUES ('one'), ('two')")
    assert damage_in(path, indexes=True) == []
    whole = path.read_bytes()
    # The page of the rows comes before that of the index.
    path.write_bytes(whole.replace(b"two", b"twp", 1))
    assert damage_in(path) == []
    assert "note" in damage_in(path, indexes=True)[0]
    path.write_bytes(whole.replace(b"two", b"tw\xf2"))
    assert damage_in(path, indexes=True) == ["a text in the table note cannot be read"]

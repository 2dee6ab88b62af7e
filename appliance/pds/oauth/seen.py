"""What must not come twice, remembered as long as a second coming would do harm."""

import hashlib

from appliance.base.database import Connection


def remember(conn: Connection, kind: str, text: str, now_us: int, until_us: int) -> bool:
    """Note something; tell whether it is new. What is over is forgotten on the way."""
    conn.execute("DELETE FROM oauth_seen WHERE expires_at <= ?", (now_us,))
    conn.execute("INSERT OR IGNORE INTO oauth_seen VALUES (?, ?)", (_digest(kind, text), until_us))
    return bool(conn.value("SELECT changes()"))


def is_known(conn: Connection, kind: str, text: str, now_us: int) -> bool:
    """Tell whether something was noted and still counts."""
    sql = "SELECT 1 FROM oauth_seen WHERE digest = ? AND expires_at > ?"
    return conn.value(sql, _digest(kind, text), now_us) is not None


def _digest(kind: str, text: str) -> bytes:
    return hashlib.sha256(f"{kind} {text}".encode()).digest()

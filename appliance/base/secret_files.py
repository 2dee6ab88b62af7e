"""Secrets that are files: readable by the service user only, made once."""

import os
from collections.abc import Callable
from pathlib import Path


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """Read a one-line secret; write what `make` gives when the file is not there yet."""
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = make()
    # Written aside and linked: a crash leaves no half-written key, a rival's key is kept.
    aside = _write_aside(path, secret)
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        secret = path.read_text("ascii").strip()
    finally:
        aside.unlink()
    return secret


def replace_secret(path: Path, secret: str) -> None:
    """Set a one-line secret to this value, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_aside(path, secret).replace(path)


def _write_aside(path: Path, secret: str) -> Path:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{secret}\n")
        file.flush()
        os.fsync(file.fileno())
    return aside

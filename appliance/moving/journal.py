"""What a move has done, on paper: one JSON file, written whole and synced after every step.

Whoever gives the command again goes on from it. What must not be lost between two steps (a password
just made, an operation just signed) is written down before it is used.
"""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from appliance.moving.trouble import Trouble

NO_RETURN: Final = "identity"
_NOT_PASSED: Final = (
    "Until the step 'identity' nothing has changed for anybody: break it off whenever you like. "
    "With that step the account lives at the new server, and only goes on from there."
)
_PASSED: Final = "The account lives at the new server now: go on to the end, by the same command."


class Journal:
    """The paper of one move. Readable by its owner only, for secrets are in it until the end."""

    def __init__(self, path: Path, what: str, steps: Sequence[str]) -> None:
        """Read the file, or begin one. Raises Trouble if it tells of something else."""
        self._path = path
        self._steps = tuple(steps)
        self._state: dict[str, Any] = {"what": what, "facts": {}, "done": {}, "secrets": {}}
        if path.exists():
            self._state = _read(path)
            if self._state["what"] != what:
                raise Trouble(
                    f"{path} tells of a move of another kind: {self._state['what']}",
                    f"a folder for this {what} alone",
                    "name another folder",
                )

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return self._path

    @property
    def is_finished(self) -> bool:
        return all(step in self._state["done"] for step in self._steps)

    def is_done(self, step: str) -> bool:
        return step in self._state["done"]

    def seen(self, step: str) -> dict[str, Any]:
        """What a step that is done has noted."""
        noted: dict[str, Any] = self._state["done"].get(step, {}).get("seen", {})
        return noted

    def finish(self, step: str, seen: dict[str, Any]) -> None:
        """Say that a step is done; with the last one, secrets are forgotten."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self._state["done"][step] = {"at": at, "seen": seen}
        if self.is_finished:
            self._state["secrets"] = {}
        self._write()

    def take_back(self, *steps: str) -> None:
        """Say that steps have to be done once more."""
        for step in steps:
            self._state["done"].pop(step, None)
        self._write()

    def begin_anew(self) -> None:
        """Forget a move that was finished: the next one of the same kind begins."""
        self._state |= {"facts": {}, "done": {}, "secrets": {}}
        self._write()

    def fact(self, name: str, default: Any = None) -> Any:
        return self._state["facts"].get(name, default)

    def note(self, **facts: Any) -> None:
        """Write facts down; None takes one back."""
        _merge(self._state["facts"], facts)
        self._write()

    def secret(self, name: str) -> Any:
        return self._state["secrets"].get(name)

    def keep_secret(self, **secrets: Any) -> None:
        """Write secrets down until the last step; None takes one back."""
        _merge(self._state["secrets"], secrets)
        self._write()

    def _write(self) -> None:
        done = self._state["done"]
        told = {
            "what": self._state["what"],
            "facts": self._state["facts"],
            "done": done,
            "left": [step for step in self._steps if step not in done],
            "secrets": self._state["secrets"],
        }
        if NO_RETURN in self._steps:
            passed = NO_RETURN in done
            told["pointOfNoReturn"] = {
                "step": NO_RETURN,
                "passed": passed,
                "words": _PASSED if passed else _NOT_PASSED,
            }
        write_whole(self._path, json.dumps(told, indent=1, ensure_ascii=False).encode())


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place so that a crash leaves either the old one or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_bytes())
        return {name: state[name] for name in ("what", "facts", "done", "secrets")}
    except (ValueError, KeyError, TypeError) as bad:
        raise Trouble(
            f"{path} cannot be read as a journal",
            "the file as it was written",
            "name another folder, or remove the file to begin anew",
        ) from bad


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if value is None:
            into.pop(name, None)
        else:
            into[name] = value

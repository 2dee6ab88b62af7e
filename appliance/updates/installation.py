"""The program as root has installed it, and the folder by which the service asks for another."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.updates.signatures import NotSigned, TrustedKeys

# In the data folder, with all that root needs; the file in it is written last.
FOLDER: Final = "updates"
WANTED: Final = "wanted"


@dataclass(frozen=True)
class Installation:
    """Where root keeps the program, and the keys of those who may publish it."""

    root: Path = Path("/opt/hearth")
    keys: Path = Path("/etc/hearth/release.pub")

    def trusted(self) -> TrustedKeys:
        """Read the keys. Raises NotSigned."""
        try:
            return TrustedKeys.parse(self.keys.read_text("ascii"))
        except (OSError, UnicodeDecodeError) as problem:
            raise NotSigned(
                f"no publisher is trusted here: {self.keys} should hold the public key"
            ) from problem

    @property
    def answer(self) -> Path:
        """Where root says what came of a release that was handed over."""
        return self.root / FOLDER / "answer.json"

    @property
    def is_there(self) -> bool:
        return (self.root / "current").exists()

    def taken_back(self) -> str:
        """The version that did not answer, or that the owner went back from; empty for none."""
        try:
            result = (self.root / "result").read_text("utf-8")
        except OSError:
            return ""
        text = result.strip()
        return text.removeprefix("back from ").partition("-")[0] if "back" in text else ""

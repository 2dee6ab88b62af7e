"""Do what the owner wrote on the boot partition, and say there how it went.

Read are `hearth.txt` (NAME = VALUE), the files that Raspberry Pi Imager leaves for cloud-init
(`user-data`, `network-config`), and `authorized_keys`. Secrets are taken out of them afterwards. A
part that cannot be done is said in `hearth-said.txt`, and stops none of the others.
"""

import contextlib
import hashlib
import os
import pwd
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

CARD = Path("/boot/firmware")
SAID = "hearth-said.txt"
LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
KEY_KINDS = ("ssh-ed25519 ", "ssh-rsa ", "ecdsa-sha2-", "sk-ssh-ed25519@", "sk-ecdsa-sha2-")
SHORTEST_CODE = 8
TAKEN = "(taken)"
OF_TEXT = re.compile(r"(?im)^([ \t]*(?:wifi-password|code)[ \t]*=[ \t]*)\S.*()$")
OF_YAML = re.compile(
    r"""(?imx) ^ ( (?: [^\#\n]* [\s{,"'] )?
        (?: passwd | hashed_passwd | password | plain_text_passwd ) ["']? [ \t]* : [ \t]* )
        (?: "[^"\n]*" | '[^'\n]*' | [^\s,}] [^\n,}]* ) ( [^\n]* ) $"""
)
KEYS_OF_TEXT = ("name", "wifi-name", "wifi-password", "wifi-country", "code", "timezone")


class Unusable(ValueError):
    """Something was written that cannot be done; the message says why."""


@dataclass
class Wishes:
    """What the owner wants, from whichever file."""

    name: str = ""
    wifi_name: str = ""
    wifi_password: str = ""
    wifi_country: str = ""
    code: str = ""
    timezone: str = ""
    keys: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def read_text(text: str, wishes: Wishes) -> None:
    """Read hearth.txt, as any editor of any system leaves it."""
    for line in text.removeprefix("\ufeff").splitlines():
        name, equals, value = (part.strip() for part in line.partition("="))
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if name.lower() not in KEYS_OF_TEXT or not equals:
            wishes.unknown.append(name)
        elif value:
            setattr(wishes, name.lower().replace("-", "_"), value)


def read_user_data(value: object, wishes: Wishes) -> None:
    """Read what Imager writes for cloud-init: name, time zone, keys."""
    told = value if isinstance(value, dict) else {}
    wishes.name = wishes.name or str(told.get("hostname") or "")
    wishes.timezone = wishes.timezone or str(told.get("timezone") or "")
    people = told.get("users") if isinstance(told.get("users"), list) else []
    for person in [told, *people]:
        keys = person.get("ssh_authorized_keys") if isinstance(person, dict) else None
        wishes.keys += [str(key) for key in keys or ()]


def read_network(value: object, wishes: Wishes) -> None:
    """Read what Imager writes of Wi-Fi, in netplan's form."""
    told = value if isinstance(value, dict) else {}
    told = told.get("network", told)
    for device in (told.get("wifis") or {}).values():
        wishes.wifi_country = wishes.wifi_country or str(device.get("regulatory-domain") or "")
        for name, point in (device.get("access-points") or {}).items():
            if wishes.wifi_name:
                return
            wishes.wifi_name = str(name)
            wishes.wifi_password = str((point or {}).get("password") or "")


def wifi_file(wishes: Wishes) -> str:
    """Write what wpa_supplicant reads."""
    password = wishes.wifi_password
    if re.fullmatch(r"[0-9a-fA-F]{64}", password):
        key = password.lower()
    elif not password:
        key = ""
    elif 8 <= len(password) <= 63 and password.isascii() and password.isprintable():
        name = wishes.wifi_name.encode()
        key = hashlib.pbkdf2_hmac("sha1", password.encode(), name, 4096, 32).hex()
    else:
        raise Unusable("a Wi-Fi password has 8 to 63 plain letters, digits or signs")
    country = wishes.wifi_country.upper()
    if country and not re.fullmatch("[A-Z]{2}", country):
        raise Unusable("wifi-country has two letters, such as DE")
    if len(wishes.wifi_name.encode()) > 32:
        raise Unusable("a Wi-Fi name has 32 bytes at most")
    secret = f"psk={key}\n    key_mgmt=WPA-PSK WPA-PSK-SHA256" if key else "key_mgmt=NONE"
    return (
        "ctrl_interface=/run/wpa_supplicant\n"
        + (f"country={country}\n" if country else "")
        + f"network={{\n    ssid={wishes.wifi_name.encode().hex()}\n    scan_ssid=1\n"
        + f"    {secret}\n}}\n"
    )


def without_secrets(name: str, text: str) -> str:
    """Say of passwords and codes in a file that they were taken."""
    form = OF_TEXT if name == "hearth.txt" else OF_YAML
    return form.sub(rf"\1{TAKEN}\2", text)


@dataclass(frozen=True)
class Computer:
    """The computer whose files are changed: `root` is / but in tests."""

    root: Path
    card: Path

    def put(self, name: str, text: str, mode: int = 0o644) -> bool:
        """Write a file as a whole, if it is not so already; tell whether it was changed."""
        path = self.root / name
        if path.is_file() and path.read_text("utf-8") == text:
            return False
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755 if mode & 0o044 else 0o700)
        part = path.with_name(path.name + ".new")
        part.touch(mode)
        part.chmod(mode)
        part.write_text(text, "utf-8")
        # Somebody may pull the plug once the link is on the card: by then this is there too. On
        # vfat a file that got another name begins there without content until it is synced again.
        with part.open("rb") as written:
            os.fsync(written.fileno())
            part.rename(path)
            os.fsync(written.fileno())
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return True

    def set_name(self, wishes: Wishes) -> None:
        name = wishes.name.lower().removesuffix(".local")
        if not LABEL.fullmatch(name):
            raise Unusable("a name has letters, digits and hyphens, 63 at most")
        if self.put("etc/hostname", f"{name}\n"):
            self.put("etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost\n")
            if self.root == Path("/"):
                Path("/proc/sys/kernel/hostname").write_text(name)

    def set_wifi(self, wishes: Wishes) -> None:
        if wishes.wifi_password != TAKEN:
            self.put("etc/wpa_supplicant/hearth.conf", wifi_file(wishes), 0o600)

    def set_code(self, wishes: Wishes) -> None:
        if wishes.code == TAKEN:
            return
        data = self.root / "var/lib/hearth"
        if (data / "admin.json").exists():
            raise Unusable("the network has an owner already")
        if not re.fullmatch(rf"[A-Za-z0-9-]{{{SHORTEST_CODE},64}}", wishes.code):
            raise Unusable("a code has 8 to 64 letters, digits and hyphens")
        self.put("var/lib/hearth/secrets/claim-code", wishes.code, 0o600)
        if self.root == Path("/"):
            owner = pwd.getpwnam("hearth")
            for path in (data, data / "secrets", data / "secrets/claim-code"):
                os.chown(path, owner.pw_uid, owner.pw_gid)
                path.chmod(0o700 if path.is_dir() else 0o600)

    def set_timezone(self, wishes: Wishes) -> None:
        zone = self.root / "usr/share/zoneinfo" / wishes.timezone
        if ".." in wishes.timezone or not re.match("[A-Z]", wishes.timezone) or not zone.is_file():
            raise Unusable("there is no such time zone")
        link = self.root / "etc/localtime"
        link.unlink(missing_ok=True)
        link.symlink_to(f"/usr/share/zoneinfo/{wishes.timezone}")

    def set_keys(self, wishes: Wishes) -> None:
        """Let in by SSH whoever has these keys, and nobody when there are none."""
        good = [key.strip() for key in wishes.keys if key.strip().startswith(KEY_KINDS)]
        if good:
            self.put("root/.ssh/authorized_keys", "".join(f"{key}\n" for key in good), 0o600)
        else:
            (self.root / "root/.ssh/authorized_keys").unlink(missing_ok=True)
        if len(good) < len([key for key in wishes.keys if key.strip()]):
            raise Unusable("authorized_keys holds something that is no public key")


def read_card(card: Path, problems: list[str], yaml: Callable[[str], object]) -> Wishes:
    """Read every file that is there."""
    wishes = Wishes()
    for name, read in (
        ("hearth.txt", read_text),
        ("user-data", lambda text, into: read_user_data(yaml(text), into)),
        ("network-config", lambda text, into: read_network(yaml(text), into)),
        ("authorized_keys", lambda text, into: into.keys.extend(text.splitlines())),
    ):
        path = card / name
        if path.is_file():
            try:
                read(path.read_text("utf-8", "replace"), wishes)
            except (ValueError, TypeError, AttributeError) as problem:
                problems.append(f"{name}: cannot be read ({type(problem).__name__})")
    problems += [f"hearth.txt: nothing is known of {line!r}" for line in wishes.unknown]
    return wishes


def done(computer: Computer, wishes: Wishes) -> Iterator[str]:
    """Do it all, part by part; say how each went."""
    for word, value, act in (
        ("name", wishes.name, computer.set_name),
        ("wifi", wishes.wifi_name, computer.set_wifi),
        ("code", wishes.code, computer.set_code),
        ("timezone", wishes.timezone, computer.set_timezone),
        ("ssh", "by key" if wishes.keys else "off", computer.set_keys),
    ):
        if not value:
            continue
        try:
            act(wishes)
        except (Unusable, OSError) as problem:
            yield f"{word}: not done: {problem}"
        else:
            yield f"{word}: {'as you wrote' if word == 'code' else value}"


def main(computer: Computer, yaml: Callable[[str], object]) -> None:
    """Read, do, say, and take the secrets away."""
    said: list[str] = []
    wishes = read_card(computer.card, said, yaml)
    said += done(computer, wishes)
    for name in ("hearth.txt", "user-data", "network-config"):
        path = computer.card / name
        if path.is_file():
            text = path.read_text("utf-8", "replace")
            if (bare := without_secrets(name, text)) != text:
                Computer(computer.card, computer.card).put(name, bare)
    text = "".join(f"{line}\n" for line in said)
    with contextlib.suppress(OSError):
        Computer(computer.card, computer.card).put(SAID, text)
    sys.stdout.write(text)


if __name__ == "__main__":
    from yaml import YAMLError, safe_load

    def load(text: str) -> object:
        try:
            return safe_load(text)
        except YAMLError as problem:
            raise ValueError from problem

    main(Computer(Path("/"), CARD), load)

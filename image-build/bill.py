#!/usr/bin/env python3
"""Say what is in a root file system, as CycloneDX: bill.py TREE VERSION COMMIT."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

Component = dict[str, object]


def debian(tree: Path) -> Iterator[Component]:
    """Name the packages of Debian."""
    asked = ["dpkg-query", f"--admindir={tree}/var/lib/dpkg", "-W"]
    form = "-f=${Package} ${Version} ${Architecture} ${source:Package} ${db:Status-Status}\n"
    lines = subprocess.run([*asked, form], check=True, capture_output=True, text=True).stdout  # noqa: S603
    for line in lines.splitlines():
        name, version, machine, source, status = line.split()
        if status == "installed":
            where = f"pkg:deb/debian/{name}@{version}?arch={machine}&distro=debian-13"
            yield component(name, version, where) | {"properties": [named("source", source)]}


def python(tree: Path) -> Iterator[Component]:
    """Name the packages of Python that came with Hearth."""
    for place in sorted(
        tree.glob("opt/hearth/releases/*/.venv/lib/python3*/site-packages/*.dist-info")
    ):
        told = (place / "METADATA").read_text("utf-8")
        found = [re.search(rf"(?m)^{word}: (.+)$", told) for word in ("Name", "Version")]
        name, version = (each[1].strip() for each in found if each)
        yield component(name, version, f"pkg:pypi/{name.lower().replace('_', '-')}@{version}")


def component(name: str, version: str, where: str) -> Component:
    return {"type": "library", "name": name, "version": version, "purl": where, "bom-ref": where}


def named(name: str, value: str) -> dict[str, str]:
    return {"name": f"hearth:{name}", "value": value}


def main() -> None:
    tree, version, commit = Path(sys.argv[1]), *sys.argv[2:4]
    own = component("hearth", version, f"pkg:generic/hearth@{version}?commit={commit}")
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": own | {"type": "operating-system"}},
        "components": [*debian(tree), *python(tree)],
    }
    json.dump(bill, sys.stdout, indent=1)


if __name__ == "__main__":
    main()

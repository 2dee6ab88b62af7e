#!/usr/bin/env python3
"""Say of what something consists, as CycloneDX.

bill.py locked VERSION COMMIT LOCK...    packages of Python, as locks name them
bill.py tree VERSION COMMIT TREE         what is installed in a root file system
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

Component = dict[str, object]


def bill(kind: str, version: str, commit: str, components: Iterable[Component]) -> str:
    """Give the document; the same parts in the same order give the same text."""
    own = component("hearth", version, f"pkg:generic/hearth@{version}?commit={commit}")
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": own | {"type": kind}},
        "components": list(components),
    }
    return json.dumps(content, indent=1)


def locked(*locks: Path) -> Iterator[Component]:
    """Name what locks pin."""
    for lock in locks:
        for name, version in re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", lock.read_text("ascii")):
            yield python_package(name, version)


def installed(tree: Path) -> Iterator[Component]:
    """Name the packages of Debian, and those of Python that came with Hearth."""
    asked = ["dpkg-query", f"--admindir={tree}/var/lib/dpkg", "-W"]
    form = "-f=${Package} ${Version} ${Architecture} ${source:Package} ${db:Status-Status}\n"
    lines = subprocess.run([*asked, form], check=True, capture_output=True, text=True).stdout  # noqa: S603
    for line in lines.splitlines():
        name, version, machine, source, status = line.split()
        if status == "installed":
            where = f"pkg:deb/debian/{name}@{version}?arch={machine}&distro=debian-13"
            yield component(name, version, where) | {"properties": [named("source", source)]}
    for place in sorted(
        tree.glob("opt/hearth/releases/*/.venv/lib/python3*/site-packages/*.dist-info")
    ):
        told = (place / "METADATA").read_text("utf-8")
        found = [re.search(rf"(?m)^{word}: (.+)$", told) for word in ("Name", "Version")]
        yield python_package(*(each[1].strip() for each in found if each))


def python_package(name: str, version: str) -> Component:
    return component(name, version, f"pkg:pypi/{name.lower().replace('_', '-')}@{version}")


def component(name: str, version: str, where: str) -> Component:
    return {"type": "library", "name": name, "version": version, "purl": where, "bom-ref": where}


def named(name: str, value: str) -> dict[str, str]:
    return {"name": f"hearth:{name}", "value": value}


def main() -> None:
    """Run the command line."""
    way, version, commit = sys.argv[1:4]
    places = [Path(each) for each in sys.argv[4:]]
    parts = installed(*places) if way == "tree" else locked(*places)
    kind = "operating-system" if way == "tree" else "application"
    print(bill(kind, version, commit, parts))


if __name__ == "__main__":
    main()

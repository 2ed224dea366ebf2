"""Adds the packages of the base image to the bill of materials of the Python packages (CycloneDX JSON).

The build of the image runs it: `python bill_of_materials.py <bill> < <packages>`. `dpkg-query` lists the packages, one
a line: name, version, architecture and source, separated by tabs.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

Component = dict[str, Any]


def with_base(bill: dict[str, Any], packages: Iterable[str], system: dict[str, str], python: str) -> dict[str, Any]:
    """Return the bill with the operating system, its packages and the interpreter.

    `system` is as in `/etc/os-release`. Raise `ValueError` if there is no package: a bill that leaves the base out
    would look complete.
    """
    base = [_package(line, system) for line in packages if line.strip()]
    if not base:
        raise ValueError("the base image has no packages")
    release = {"type": "operating-system", "name": system["ID"], "version": system["VERSION_ID"], "bom-ref": "base"}
    interpreter = {
        "type": "application",
        "name": "python",
        "version": python,
        "bom-ref": f"pkg:generic/python@{python}",
    }
    interpreter["purl"] = interpreter["bom-ref"]
    return {**bill, "components": [*bill["components"], release, interpreter, *base]}


def _package(line: str, system: dict[str, str]) -> Component:
    name, version, architecture, source = line.rstrip("\n").split("\t")
    distribution = f"{system['ID']}-{system['VERSION_ID']}"
    # As purl's type deb has it: what is not a letter, digit or one of `.-~` is encoded.
    place = f"pkg:deb/{system['ID']}/{quote(name, safe='')}@{quote(version, safe='')}"
    purl = f"{place}?arch={architecture}&distro={distribution}"
    properties = [{"name": "dpkg:source", "value": source}]
    return {
        "type": "library",
        "name": name,
        "version": version,
        "purl": purl,
        "bom-ref": purl,
        "properties": properties,
    }


def main(path: Path) -> None:
    """Add the base to the file."""
    bill = with_base(
        json.loads(path.read_text("utf-8")), sys.stdin, platform.freedesktop_os_release(), platform.python_version()
    )
    text = json.dumps(bill, indent=2)
    # One of the tools of the build, which the environment of this project lacks.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    version = SchemaVersion.from_version(bill["specVersion"])
    if (problem := JsonStrictValidator(version).validate_str(text)) is not None:
        raise SystemExit(f"{path} would be invalid: {problem}")
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

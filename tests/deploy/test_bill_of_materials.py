"""The bill of materials of the image names the base, too."""

from __future__ import annotations

import pytest

from deploy.bill_of_materials import with_base

SYSTEM = {"ID": "debian", "VERSION_ID": "13"}
BILL = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": "grpcio", "bom-ref": "grpcio"}]}


def test_packages_of_the_base_follow_those_of_python() -> None:
    packages = ["libstdc++6\t1:14.2.0-19\tamd64\tgcc-14\n", "tzdata\t2025b\tall\ttzdata\n"]
    bill = with_base(BILL, packages, SYSTEM, "3.13.9")
    first, system, python, library, data = bill["components"]
    assert (bill["specVersion"], first) == ("1.6", BILL["components"][0])
    assert (system["type"], system["name"], system["version"]) == ("operating-system", "debian", "13")
    assert python["purl"] == "pkg:generic/python@3.13.9"
    assert library["purl"] == "pkg:deb/debian/libstdc%2B%2B6@1%3A14.2.0-19?arch=amd64&distro=debian-13"
    assert (library["version"], library["properties"][0]["value"]) == ("1:14.2.0-19", "gcc-14")
    assert data["purl"] == "pkg:deb/debian/tzdata@2025b?arch=all&distro=debian-13"
    assert len({component["bom-ref"] for component in bill["components"]}) == 5


def test_a_base_whose_packages_are_not_found_is_refused() -> None:
    with pytest.raises(ValueError, match="no packages"):
        with_base(BILL, ["\n"], SYSTEM, "3.13.9")

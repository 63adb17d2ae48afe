"""What is shipped beside the code: the SBOM and the table of licences say what the lock says."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

if TYPE_CHECKING:
    from types import ModuleType

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = (REPOSITORY / ".ci/locks/run.txt").read_text("utf-8")
WRITTEN = (REPOSITORY / "docs/sbom.cdx.json").read_text("utf-8")
RENEW = "run .ci/sbom.py"


@pytest.fixture(scope="module")
def sbom() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sbom", REPOSITORY / ".ci/sbom.py")
    assert spec
    assert spec.loader
    module = sys.modules["sbom"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def list_components(kind: str) -> list[dict[str, Any]]:
    return [component for component in json.loads(WRITTEN)["components"] if component["type"] == kind]


def test_the_sbom_satisfies_the_schema() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(WRITTEN) is None


def test_the_sbom_has_the_packages_versions_and_hashes_of_the_lock() -> None:
    locked: dict[tuple[str, str], set[str]] = {}
    pinned = ("", "")
    for line in LOCK.splitlines():
        if pin := re.match(r"(\S+)==(\S+)", line):
            pinned = (pin[1], pin[2])
        elif found := re.match(r"    --hash=sha256:(\w+)", line):
            locked.setdefault(pinned, set()).add(found[1])
    listed = {
        (component["name"], component["version"]): {one["content"] for one in component["hashes"]}
        for component in list_components("library")
    }
    assert len(locked) > 50
    assert listed == locked, RENEW


def test_both_files_are_what_the_script_writes(sbom: ModuleType) -> None:
    facts = sbom.gather_facts()
    assert sbom.render_sbom(LOCK, facts) == WRITTEN, RENEW
    assert sbom.render_licences(LOCK, facts) == (REPOSITORY / "docs/licences.md").read_text("utf-8"), RENEW


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("click==8", "click==9", id="version"),
        pytest.param(re.findall(r"sha256:(\w+)", LOCK)[0], "0" * 64, id="hash"),
        pytest.param(re.findall(r"\n(?=yarl==)[\s\S]*", LOCK)[0], "\n", id="package"),
        pytest.param("    # via aiohttp\n", "    # via click\n", id="dependency"),
    ],
)
def test_another_lock_gives_another_sbom(sbom: ModuleType, old: str, new: str) -> None:
    changed = LOCK.replace(old, new, 1)
    assert changed != LOCK
    facts = sbom.gather_facts()
    facts |= {(one.name, one.version): facts.get((one.name, one.version), sbom.Facts("MIT", "")) for one in sbom.read_lock(changed)}
    assert sbom.render_sbom(changed, facts) != WRITTEN


def test_the_sbom_has_the_project_and_the_bundle_in_use(sbom: ModuleType) -> None:
    project = json.loads(WRITTEN)["metadata"]["component"]
    assert project["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    (bundle,) = list_components("machine-learning-model")
    folder = REPOSITORY / "models" / (REPOSITORY / "models/CURRENT").read_text("utf-8").strip()
    assert bundle["name"] == folder.name
    assert bundle["hashes"][0]["content"].startswith(folder.name.partition("-")[2])
    assert {component["name"] for component in bundle["components"]} == {path.name for path in folder.iterdir()}
    needed = {one["ref"]: one.get("dependsOn", []) for one in json.loads(WRITTEN)["dependencies"]}
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    named = {ref.removeprefix("pkg:pypi/").partition("@")[0] for ref in needed["narrative-monitor"]}
    assert named == {folder.name, *(re.match(r"[\w-]+", line)[0] for line in declared)}, "run .ci/lock, then .ci/sbom.py"


def test_every_licence_permits_to_pass_the_program_on(sbom: ModuleType) -> None:
    facts = sbom.gather_facts()
    refused = {name: said.licence for (name, _), said in facts.items() if sbom.is_refused(name, said.licence)}
    assert refused == {}
    assert set(sbom.COPYLEFT) <= {name for name, _ in facts}, "named, but no longer in the lock"


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "MIT AND GPL-3.0-only", "LGPL-3.0-only", "MPL-2.0", "", "Proprietary"])
def test_other_licences_are_refused(sbom: ModuleType, licence: str) -> None:
    assert sbom.is_refused("click", licence)
    assert not sbom.is_refused("click", "Apache-2.0 OR GPL-3.0-only")


def test_copyleft_libraries_inside_wheels_are_named(sbom: ModuleType) -> None:
    table = (REPOSITORY / "docs/licences.md").read_text("utf-8")
    for name in {one.name for one in sbom.read_lock(LOCK)}:
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for library in {found[0] for file in files if (found := re.match(r"lib(gfortran|quadmath|gomp|iconv)", file.name))}:
            assert re.search(rf"^\|[^|]*\b{name}\b[^|]*\| {library} \|", table, re.MULTILINE), f"{name} holds {library}"

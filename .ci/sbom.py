#!/usr/bin/env python3
"""Writes docs/sbom.cdx.json and docs/licences.md from the runtime lock; needs the packages of the test lock.

What is shipped and its hashes come from the lock and the bundle. Licences and home pages come from the metadata of installed
packages. For a package that is locked but not installed, such as NumPy for another Python, what was recorded before stays.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.spdx import is_expression, is_supported_id
from packageurl import PackageURL

REPOSITORY = Path(__file__).resolve().parents[1]
SBOM = REPOSITORY / "docs/sbom.cdx.json"
LICENCES = REPOSITORY / "docs/licences.md"
LOCK = REPOSITORY / ".ci/locks/run.txt"
MODELS = REPOSITORY / "models"

# Licences that permit to use, change and pass on, in source and binary, for notices alone.
PERMISSIVE = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0",
    "Unlicense", "Zlib",
}  # fmt: skip

# Copyleft, package by package. Each one is named with the licence that is taken and the reason why that is possible.
COPYLEFT = {
    "certifi": ("MPL-2.0", "Copyleft by file: Mozilla's list of certificates, passed on unchanged."),
    "tld": ("MPL-1.1", "Copyleft by file, taken out of three licences to choose from; passed on unchanged."),
}

# Licences that the metadata gives as text, or as a name that fits several; read in the file that the package ships.
READ_IN_FILE = {
    "contourpy": "BSD-3-Clause",
    "cycler": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "matplotlib": "PSF-2.0",
    "scipy": "BSD-3-Clause",
}
OTHER_SPELLINGS = {"Apache 2.0": "Apache-2.0", "The BSD 2-Clause License": "BSD-2-Clause"}
CLASSIFIERS = {"License :: OSI Approved :: MIT License": "MIT"}
HOME_LABELS = ("homepage", "home", "source", "sourcecode", "repository", "github", "code", "documentation")


@dataclass(frozen=True)
class Locked:
    """One package of the lock. `needed_by` are the names of the packages, or of the project, that ask for it."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    needed_by: tuple[str, ...]

    @property
    def purl(self) -> PackageURL:
        """The package's address in one string, as SBOMs write it."""
        return PackageURL("pypi", None, self.name, self.version)


@dataclass(frozen=True)
class Facts:
    """What a package says of itself."""

    licence: str
    home: str


def read_lock(text: str) -> tuple[Locked, ...]:
    """Every package of a lock written by `uv pip compile --generate-hashes`."""
    found = []
    for block in re.split(r"\n(?=[a-z0-9])", text.strip()):
        head = re.match(r"([a-z0-9.-]+)==(\S+)(?: ; ([^\\]+?))? \\\n", block)
        if not head:
            msg = f"{LOCK}: cannot read the requirement {block.splitlines()[0]!r}; is it pinned, with hashes?"
            raise SystemExit(msg)
        needed_by = re.findall(r"^    # (?:via|  )\s*([a-z0-9.-]+)", block, re.MULTILINE)
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", block)
        found.append(Locked(head[1], head[2], head[3] or "", tuple(sorted(hashes)), tuple(needed_by)))
    return tuple(found)


def name_licence(metadata: importlib.metadata.PackageMetadata, name: str) -> str:
    """The SPDX expression of a package: PEP 639's field, the old field, what was read in its file, or its classifier."""
    stated = metadata.get("License-Expression") or metadata.get("License") or ""
    stated = OTHER_SPELLINGS.get(stated, stated)
    if stated and "\n" not in stated and (is_supported_id(stated) or is_expression(stated)):
        return stated
    if name in READ_IN_FILE:
        return READ_IN_FILE[name]
    for classifier in metadata.get_all("Classifier") or []:
        if classifier in CLASSIFIERS:
            return CLASSIFIERS[classifier]
    msg = f"{name}: its metadata names no SPDX licence; read the file that it ships and add it to READ_IN_FILE"
    raise SystemExit(msg)


def find_home(metadata: importlib.metadata.PackageMetadata) -> str:
    """The project's own page."""
    links = {}
    for line in metadata.get_all("Project-URL") or []:
        label, _, url = line.partition(",")
        links[re.sub(r"[^a-z]", "", label.lower())] = url.strip()
    named = [links[label] for label in HOME_LABELS if label in links]
    return str(next(iter([*named[:1], *filter(None, [metadata.get("Home-page")]), *links.values()]), ""))


def read_installed() -> dict[tuple[str, str], Facts]:
    """Facts of every installed package of the lock, by name and version."""
    wanted = {(one.name, one.version) for one in read_lock(LOCK.read_text("utf-8"))}
    found = {}
    for distribution in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        if (name, distribution.version) in wanted:
            found[name, distribution.version] = Facts(name_licence(distribution.metadata, name), find_home(distribution.metadata))
    return found


def read_recorded() -> dict[tuple[str, str], Facts]:
    """Facts that the committed SBOM has."""
    if not SBOM.exists():
        return {}
    found = {}
    for component in json.loads(SBOM.read_text("utf-8"))["components"]:
        if component["type"] == "library":
            (licence,) = component["licenses"]
            name = licence.get("expression") or licence["license"]["id"]
            found[component["name"], component["version"]] = Facts(name, component["externalReferences"][0]["url"])
    return found


def gather_facts() -> dict[tuple[str, str], Facts]:
    """Facts of all packages of the lock: as installed, else as recorded; a package with neither stops the program."""
    facts = read_recorded() | read_installed()
    for one in read_lock(LOCK.read_text("utf-8")):
        if (one.name, one.version) not in facts:
            msg = f"{one.name} {one.version} is locked, but neither installed nor recorded; put it on PYTHONPATH and run this again"
            raise SystemExit(msg)
    return facts


def is_refused(name: str, licence: str) -> bool:
    """Whether a package's licence is on neither list. Of licences joined by OR one is enough; of those joined by AND all count."""
    allowed = PERMISSIVE | ({COPYLEFT[name][0]} if name in COPYLEFT else set())
    return not any(set(choice.split(" AND ")) <= allowed for choice in licence.split(" OR "))


def hash_file(path: Path) -> HashType:
    """SHA-256 of a file."""
    return HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(path.read_bytes()).hexdigest())


def describe_package(one: Locked, facts: Facts) -> Component:
    """A locked package. Its hashes are those of all files, one for each platform, that pip may install for it."""
    component = Component(
        type=ComponentType.LIBRARY,
        name=one.name,
        version=one.version,
        purl=one.purl,
        bom_ref=str(one.purl),
        licenses=[LicenseFactory().make_from_string(facts.licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content) for content in one.hashes],
        external_references=[ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(facts.home))],
    )
    if one.marker:
        component.properties.add(Property(name="narrative-monitor:marker", value=one.marker))
    return component


def describe_bundle() -> Component:
    """The model bundle in use. Its hash is that of its SHA256SUMS, from which its id comes; its files lie inside it."""
    folder = MODELS / (MODELS / "CURRENT").read_text("utf-8").strip()
    licence = LicenseFactory().make_from_string("Apache-2.0")
    files = [
        Component(type=ComponentType.FILE, name=path.name, bom_ref=f"{folder.name}/{path.name}", hashes=[hash_file(path)])
        for path in sorted(folder.iterdir())
    ]
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=folder.name,
        bom_ref=folder.name,
        licenses=[licence],
        hashes=[hash_file(folder / "SHA256SUMS")],
        components=files,
    )


def connect(bom: Bom, project: Component, locked: tuple[Locked, ...], by_lock: dict[Locked, Component]) -> None:
    """What needs what, as the lock tells. Packages for different Pythons do not need each other."""
    for one, component in by_lock.items():
        users = [project] if project.name in one.needed_by else []
        users += [
            by_lock[user]
            for user in locked
            if user.name in one.needed_by and not (user.marker and one.marker and user.marker != one.marker)
        ]
        bom.register_dependency(component)
        for user in users:
            bom.register_dependency(user, [component])


def render_sbom(lock: str, facts: dict[tuple[str, str], Facts]) -> str:
    """The SBOM as JSON of CycloneDX 1.6, without time and serial number: the same lock and bundle give the same bytes."""
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    project = Component(
        type=ComponentType.APPLICATION,
        name=declared["name"],
        version=declared["version"],
        bom_ref=declared["name"],
        description=declared["description"],
        licenses=[LicenseFactory().make_from_string(declared["license"])],
    )
    locked = read_lock(lock)
    by_lock = {one: describe_package(one, facts[one.name, one.version]) for one in locked}
    bundle = describe_bundle()
    bom = Bom(components=[bundle, *by_lock.values()])
    bom.metadata.component = project
    bom.metadata.properties.add(
        Property(name="narrative-monitor:hashes", value="A library's hashes are those of all files that the lock admits for it.")
    )
    connect(bom, project, locked, by_lock)
    bom.register_dependency(project, [bundle])
    written = json.loads(JsonV1Dot6(bom).output_as_string())
    del written["serialNumber"], written["metadata"]["timestamp"]
    return json.dumps(written, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def render_licences(lock: str, facts: dict[tuple[str, str], Facts]) -> str:
    """docs/licences.md."""
    rows = []
    for one in read_lock(lock):
        said = facts[one.name, one.version]
        rows.append(f"| {one.name} | {one.version} | {said.licence} | <{said.home}> |")
    copyleft = [f"| {name} | {licence} | {reason} |" for name, (licence, reason) in sorted(COPYLEFT.items())]
    template = (REPOSITORY / ".ci/licences.template.md").read_text("utf-8")
    return template.format(packages="\n".join(rows), copyleft="\n".join(copyleft))


def main() -> None:
    """Writes both files."""
    lock, facts = LOCK.read_text("utf-8"), gather_facts()
    SBOM.write_text(render_sbom(lock, facts), encoding="utf-8")
    LICENCES.write_text(render_licences(lock, facts), encoding="utf-8")


if __name__ == "__main__":
    main()

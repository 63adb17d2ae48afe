"""The codebook file: which narratives there are and what they are called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from monitor.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

# The one in C takes a tenth of the time; not every installation of PyYAML has it.
_QUICK_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Narrative:
    """One entry of the codebook. ``names`` by language code."""

    id: str
    group: str
    names: dict[str, str]
    definition: str


@dataclass(frozen=True, slots=True)
class Codebook:
    """All narratives in the codebook's order. ``groups``: group id → names by language code."""

    version: int
    narratives: tuple[Narrative, ...]
    groups: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def ids(self) -> frozenset[str]:
        """Every narrative id."""
        return frozenset(n.id for n in self.narratives)

    @property
    def priority(self) -> tuple[str, ...]:
        """The narratives of the codebook's first group: what a digest shows first."""
        return tuple(n.id for n in self.narratives if n.group == self.narratives[0].group)

    def name_of(self, narrative_id: str, lang: str = "en") -> str:
        """What a narrative is called in a language; its id where the codebook does not know it."""
        return next((n.names.get(lang, n.id) for n in self.narratives if n.id == narrative_id), narrative_id)


def load_codebook(path: Path) -> Codebook:
    """Read a codebook file. Raises `UsageError` naming the file and what is wrong with it."""
    try:
        raw: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=_QUICK_LOADER)  # noqa: S506 - both are safe
    except OSError as error:
        raise UsageError(f"{path}: the codebook cannot be read: {error.strerror}; reinstall, or run in a checkout") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: the codebook is not YAML: {error}; restore it") from error
    try:
        narratives = tuple(Narrative(row["id"], row["group"], dict(row["name"]), row["definition"]) for row in raw["narratives"])
        return Codebook(int(raw["version"]), narratives, {group: dict(names) for group, names in raw.get("groups", {}).items()})
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: the codebook lacks {error}; restore it") from error

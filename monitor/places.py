"""Where the models and the default feeds lie: the folder one works in, else what was installed, else the checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
SAMPLES = _PACKAGE / "samples"


def find_models(working_folder: Path) -> Path:
    """The folder with ``CURRENT``, ``codebook.yaml`` and the bundles; before the first one is trained, ``CURRENT`` is not there."""
    return _first_with(working_folder, "models", "CURRENT", "codebook.yaml")


def find_default_feeds(working_folder: Path) -> Path:
    """The default ``feeds.yaml``."""
    return _first_with(working_folder, "feeds.yaml", "")


def _first_with(working_folder: Path, name: str, *inside: str) -> Path:
    candidates = [working_folder / name, _PACKAGE / "shipped" / name, _PACKAGE.parent / name]
    return next((place for place in candidates if any((place / one).is_file() for one in inside)), candidates[0])

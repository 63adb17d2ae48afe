"""Assessing chunks of texts where the work is done: each worker loads the bundle once, by its hash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.bundle import FIRST_STAGE_MARK, BundleClassifier, load_bundle
from monitor.encoder import find_encoder
from monitor.engines import find_shipped
from monitor.errors import BundleError
from monitor.pipeline.assess import ASSESS_CHUNK, assess_each

if TYPE_CHECKING:
    from monitor.records import Assessment, PendingRevision

# A multiple of what a run assesses at once, so that both put the same texts together.
SCORED_AT_ONCE = 20 * ASSESS_CHUNK


@dataclass(frozen=True, slots=True)
class BundleRef:
    """A bundle by its folder's name, which is its hash; where it lies on this machine, and the id under which it must answer."""

    name: str
    folder: str
    answers_as: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Texts to assess with a bundle."""

    bundle: BundleRef
    pending: tuple[PendingRevision, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """Assessments by revision, and why there is none of some."""

    assessed: tuple[tuple[int, Assessment], ...]
    failures: tuple[tuple[int, str], ...]


_LOADED: dict[str, BundleClassifier] = {}


def score_chunk(chunk: Chunk) -> Scored:
    """Assess a chunk. Raises `BundleError` where the bundle is missing, damaged, or would answer otherwise here."""
    classifier = _load(chunk.bundle)
    assessed: list[tuple[int, Assessment]] = []
    failures: list[tuple[int, str]] = []
    for start in range(0, len(chunk.pending), ASSESS_CHUNK):
        right, wrong = assess_each(classifier, chunk.pending[start : start + ASSESS_CHUNK])
        assessed += right
        failures += wrong
    return Scored(tuple(assessed), tuple(failures))


def _load(ref: BundleRef) -> BundleClassifier:
    if ref.answers_as not in _LOADED:
        shipped = find_shipped()
        model = load_bundle(shipped / ref.name if shipped is not None else Path(ref.folder))
        takes_both = model.second is not None and not ref.answers_as.endswith(FIRST_STAGE_MARK)
        classifier = BundleClassifier(model, find_encoder(model.second.encoder) if takes_both and model.second else None)
        if classifier.bundle_id != ref.answers_as:
            raise BundleError(
                f"bundle {ref.name}: would answer as {classifier.bundle_id} here, not as {ref.answers_as}; install the same "
                "packages on each worker"
            )
        _LOADED[ref.answers_as] = classifier
    return _LOADED[ref.answers_as]

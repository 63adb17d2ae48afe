"""Bundles: a trained model as a folder with a card and hashes.

``models/<id>/`` holds ``bundle.json`` (settings), ``weights.npz`` (plain arrays), two word lists, ``codebook.yaml``,
``metrics.json``, ``CARD.md`` and ``SHA256SUMS`` (as ``sha256sum -c`` reads it). The id ends in the first characters of the
hash of ``SHA256SUMS``: one changed byte anywhere, in any file, and the bundle is refused. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.dayreports import BundleFacts
from monitor.errors import BundleError
from monitor.records import (
    STANCES,
)
from monitor.stages.classify import STANCE_CUES, Calibration, Model, SecondStage, assess
from monitor.stages.cues import CUES
from monitor.stages.features import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.ports import Encoder
    from monitor.records import (
        Assessment,
        Document,
    )

FORMAT = 2
SUMS = "SHA256SUMS"
FIRST_STAGE_MARK = "+first"
REQUIRED = (
    "bundle.json",
    "weights.npz",
    "prefixes.txt",
    "groups.txt",
)
_ID = re.compile(r"^cb\d+-[0-9a-f]{12}$")
_SUM_LINE = re.compile(r"^([0-9a-f]{64})  ([\w.-]+)$")


@dataclass(frozen=True, slots=True)
class BundleClassifier:
    """`monitor.ports.Classifier` over one bundle. Without ``encoder`` a bundle with a second stage answers by its first."""

    model: Model
    encoder: Encoder | None = None

    @property
    def bundle_id(self) -> str:
        """Id of the bundle; the first stage alone is another model than both together, and says so."""
        is_partial = self.model.second is not None and self.encoder is None
        return f"{self.model.bundle_id}{FIRST_STAGE_MARK}" if is_partial else self.model.bundle_id

    @property
    def thresholds(self) -> dict[str, float]:
        """The score from which each narrative counts as carried (by texts that the encoder read, where there is one)."""
        second = self.model.second if self.encoder is not None else None
        values = self.model.thresholds if second is None else second.thresholds
        return {n: float(t) for n, t in zip(self.model.narratives, values, strict=True)}

    def assess(self, documents: Sequence[Document]) -> list[Assessment]:
        """One assessment per document, in order."""
        return assess(self.model, documents, self.encoder)


def describe_answers(folder: Path, *, use_encoder: bool) -> tuple[str, BundleFacts]:
    """Under which id a bundle's classifier answers, its thresholds and languages, without reading its weights."""
    settings = json.loads(verify_bundle(folder)["bundle.json"])
    second = settings.get("second_stage")
    reads_again = bool(second) and use_encoder
    name = folder.resolve().name
    thresholds = second["thresholds"] if reads_again else settings["thresholds"]
    facts = BundleFacts(thresholds, tuple(settings.get("languages", ())))
    return (f"{name}{FIRST_STAGE_MARK}" if second and not reads_again else name), facts


def resolve_bundle(reference: str | None, models: Path) -> Path:
    """The folder of a bundle: a path, an id under ``models``, or (None, or a file like CURRENT) the one in use.

    Raises `BundleError` where there is none.
    """
    if reference is None:
        return _follow_current(models / "CURRENT")
    path = Path(reference)
    if path.is_file():
        return _follow_current(path)
    for candidate in (path, models / reference):
        if candidate.is_dir():
            return candidate
    raise BundleError(f"bundle {reference}: neither a folder nor an id in {models}; `monitor train` makes one")


def find_current(models: Path) -> Path | None:
    """The folder of the bundle in use; None where ``CURRENT`` was never written, or names none."""
    try:
        return _follow_current(models / "CURRENT")
    except BundleError:
        return None


def _follow_current(pointer: Path) -> Path:
    try:
        name = pointer.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"bundle {pointer}: cannot be read ({error}); it names the bundle in use: write its id there") from error
    folder = pointer.parent / name
    if not _ID.match(name) or not folder.is_dir():
        raise BundleError(f"bundle {pointer}: names {name[:60]!r}, which is no bundle beside it; write the id of one that is")
    return folder


def load_bundle(folder: Path) -> Model:
    """Check every byte of a bundle, then read it. Raises `BundleError` on the first thing that is not as it was written."""
    files = verify_bundle(folder)
    try:
        settings = json.loads(files["bundle.json"])
        _require_format(folder, settings)
        arrays = _read_arrays(files["weights.npz"])
        narratives = tuple(settings["narratives"])
        vocabulary = Vocabulary(_read_lines(files["prefixes.txt"]), _read_lines(files["groups.txt"]), arrays["idf"])
        _require_shapes(arrays, _expected_shapes(len(narratives), len(vocabulary)))
        return Model(
            bundle_id=folder.resolve().name,
            narratives=narratives,
            vocabulary=vocabulary,
            weights=np.ascontiguousarray(arrays["weights"]),
            claims_intercept=arrays["claims_intercept"],
            calibration=Calibration(arrays["slopes"], arrays["offsets"]),
            thresholds=_read_thresholds(settings["thresholds"], narratives),
            stance_intercept=arrays["stance_intercept"],
            stance_cues=arrays["stance_cues"],
            min_promotes=float(settings["min_promotes"]),
            min_promotes_contested=float(settings["min_promotes_contested"]),
            second=_read_second_stage(settings["second_stage"], arrays, narratives) if settings.get("second_stage") else None,
        )
    except (KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(f"bundle {folder}: cannot be read ({error!r}) although its hashes are right; train it again") from error


def verify_bundle(folder: Path) -> dict[str, bytes]:
    """The bytes of every listed file, after checking them against their hashes, and those against the bundle's id."""
    files: dict[str, bytes] = {}
    sums = _read_file(folder / SUMS)
    name = folder.resolve().name
    if not _ID.match(name) or name.split("-")[1] != hashlib.sha256(sums).hexdigest()[:12]:
        raise BundleError(f"bundle {folder}: {SUMS} does not belong to this id: it was changed, or the folder renamed; restore it")
    for line in sums.decode("ascii", "replace").splitlines():
        match = _SUM_LINE.match(line)
        if match is None:
            raise BundleError(f"bundle {folder}: {SUMS} has the odd line {line[:80]!r}; restore it or train again")
        content = _read_file(folder / match.group(2))
        if hashlib.sha256(content).hexdigest() != match.group(1):
            raise BundleError(
                f"bundle {folder}: {match.group(2)} is not as it was written (its hash differs); restore it or train again"
            )
        files[match.group(2)] = content
    if missing := [name for name in REQUIRED if name not in files]:
        raise BundleError(f"bundle {folder}: lacks {', '.join(missing)}; restore it or train again")
    return files


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"bundle {path.parent}: {path.name} cannot be read ({error.strerror}); restore it or train again"
        ) from error


def _require_format(folder: Path, settings: Mapping[str, Any]) -> None:
    if settings["format"] != FORMAT:
        raise BundleError(
            f"bundle {folder}: has format {settings['format']}, this program reads {FORMAT}; update it or train again"
        )
    if tuple(settings["cues"]) != CUES:
        raise BundleError(f"bundle {folder}: was trained with other stance cues than this version's; train it again")


def _read_arrays(content: bytes) -> dict[str, NDArray[np.float32]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: np.asarray(archive[name], dtype=np.float32) for name in archive.files}


def _expected_shapes(narratives: int, features: int) -> dict[str, tuple[int, ...]]:
    stances = len(STANCES)
    return {
        "idf": (features,),
        "weights": (features, narratives + stances),
        "claims_intercept": (narratives,),
        "slopes": (narratives,),
        "offsets": (narratives,),
        "stance_intercept": (stances,),
        "stance_cues": (STANCE_CUES, stances),
    }


def _require_shapes(arrays: Mapping[str, NDArray[np.float32]], expected: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}, not {shape}")


def _read_lines(content: bytes) -> tuple[str, ...]:
    return tuple(content.decode("utf-8").split("\n")[:-1])


def _read_thresholds(given: Mapping[str, float], narratives: Sequence[str]) -> NDArray[np.float64]:
    return np.array([given[n] for n in narratives], dtype=np.float64)


def _read_second_stage(
    settings: Mapping[str, Any], arrays: Mapping[str, NDArray[np.float32]], narratives: Sequence[str]
) -> SecondStage:
    dimensions, count = len(arrays["encoder_claims"]), len(narratives)
    expected = {
        "encoder_claims": (dimensions, count),
        "encoder_claims_intercept": (count,),
        "second_slopes": (count,),
        "second_offsets": (count,),
    }
    _require_shapes(arrays, expected)
    return SecondStage(
        encoder=str(settings["encoder"]),
        claims=arrays["encoder_claims"],
        claims_intercept=arrays["encoder_claims_intercept"],
        weight=float(settings["weight"]),
        calibration=Calibration(arrays["second_slopes"], arrays["second_offsets"]),
        thresholds=_read_thresholds(settings["thresholds"], narratives),
    )


def save_bundle(model: Model, parent: Path, *, settings: Mapping[str, Any], extra_files: Mapping[str, bytes]) -> Path:
    """Write a bundle below ``parent`` (aside, then renamed) and give its folder. The same model gives the same bytes.

    ``settings`` is added to ``bundle.json``; ``extra_files`` (card, metrics, codebook) are written and hashed with the rest.
    Raises `BundleError` where it cannot be written.
    """
    files = _serialize(model, settings) | dict(extra_files)
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())).encode()
    bundle_id = f"cb{settings['codebook_version']}-{hashlib.sha256(sums).hexdigest()[:12]}"
    folder, aside = parent / bundle_id, parent / f".{bundle_id}.{os.getpid()}"
    try:
        aside.mkdir(parents=True)
        for name, content in {**files, SUMS: sums}.items():
            (aside / name).write_bytes(content)
        if folder.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(folder)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise BundleError(f"bundle {folder}: cannot be written ({error.strerror}); choose another --out") from error
    return folder


def _serialize(model: Model, settings: Mapping[str, Any]) -> dict[str, bytes]:
    content = {
        "format": FORMAT,
        "narratives": list(model.narratives),
        "thresholds": _name_thresholds(model.narratives, model.thresholds),
        "min_promotes": model.min_promotes,
        "min_promotes_contested": model.min_promotes_contested,
        "second_stage": _describe_second_stage(model),
        "cues": list(CUES),
        **settings,
    }
    vocabulary = model.vocabulary
    lists = {"prefixes.txt": vocabulary.prefixes, "groups.txt": vocabulary.groups}
    return {
        "bundle.json": (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(),
        "weights.npz": pack_arrays(_collect_arrays(model)),
        **{name: "".join(f"{feature}\n" for feature in features).encode() for name, features in lists.items()},
    }


def _name_thresholds(narratives: Sequence[str], thresholds: NDArray[np.float64]) -> dict[str, float]:
    return {n: round(float(t), 4) for n, t in zip(narratives, thresholds, strict=True)}


def _describe_second_stage(model: Model) -> dict[str, Any] | None:
    second = model.second
    if second is None:
        return None
    return {
        "encoder": second.encoder,
        "weight": second.weight,
        "thresholds": _name_thresholds(model.narratives, second.thresholds),
    }


def _collect_arrays(model: Model) -> dict[str, NDArray[np.floating]]:
    # Half precision is exact enough for what is many, and halves the download.
    arrays: dict[str, NDArray[np.floating]] = {
        "idf": model.vocabulary.idf.astype(np.float16),
        "weights": model.weights.astype(np.float16),
        "claims_intercept": model.claims_intercept,
        "slopes": model.calibration.slopes,
        "offsets": model.calibration.offsets,
        "stance_intercept": model.stance_intercept,
        "stance_cues": model.stance_cues,
    }
    if (second := model.second) is not None:
        arrays |= {
            "encoder_claims": second.claims.astype(np.float16),
            "encoder_claims_intercept": second.claims_intercept,
            "second_slopes": second.calibration.slopes,
            "second_offsets": second.calibration.offsets,
        }
    return arrays


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as the bytes of an ``.npz`` file that is read without unpickling anything."""
    # Zip entries get a fixed date: same model, same bytes.
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            inner = io.BytesIO()
            np.lib.format.write_array(inner, np.ascontiguousarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, inner.getvalue())
    return buffer.getvalue()


def point_to(folder: Path, models: Path) -> None:
    """Make ``CURRENT`` name a bundle. Raises `BundleError` where the bundle lies elsewhere or CURRENT cannot be written."""
    if folder.resolve().parent != models.resolve():
        raise BundleError(f"bundle {folder}: lies outside {models}; copy it there first")
    aside = models / f".CURRENT.{os.getpid()}"
    try:
        aside.write_text(f"{folder.resolve().name}\n", encoding="utf-8")
        aside.replace(models / "CURRENT")
    except OSError as error:
        raise BundleError(f"bundle {models / 'CURRENT'}: cannot be written ({error.strerror}); make it writable") from error

"""What the commands about bundles are made of: train, evaluate, compare, use."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError
from monitor.wiring import Places, open_classifier, open_codebook, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from monitor.pipeline.parts import Progress
    from monitor.records import (
        Document,
        LabelledText,
    )
    from monitor.storage.store import SqlStore

ARTICLES_AT_ONCE = 200


def train_new_bundle(
    places: Places,
    corpus: Sequence[Path],
    out: Path | None,
    *,
    seed: int | None,
    jobs: int,
    report_progress: Callable[[str], None],
) -> tuple[Path, dict[str, Any]]:
    """Train on a corpus (by default that of ``models/``); the bundle's folder and its held-out metrics."""
    from monitor.encoder import NAME, find_encoder  # noqa: PLC0415
    from monitor.train.train import DEFAULT_SEED, train_bundle  # noqa: PLC0415

    return train_bundle(
        list(corpus) or [places.models / "corpus"],
        out or places.models,
        codebook=open_codebook(places),
        codebook_path=places.models / "codebook.yaml",
        seed=DEFAULT_SEED if seed is None else seed,
        encoder=find_encoder(NAME) if places.use_encoder else None,
        jobs=jobs,
        report_progress=report_progress,
    )


def evaluate_files(
    places: Places,
    files: Sequence[Path],
    *,
    resamples: int,
    seed: int | None,
    picture: Path | None,
    report_progress: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Score the bundle on labelled JSON Lines; draws the picture where one is asked for."""
    from monitor.pipeline.parts import Progress  # noqa: PLC0415
    from monitor.train.corpus import load_labelled  # noqa: PLC0415
    from monitor.train.evaluate import RESAMPLING_SEED, evaluate, judge_texts  # noqa: PLC0415

    image_format = _check_picture(picture) if picture else ""
    gold = load_labelled(files, open_codebook(places).ids)
    classifier = open_classifier(places)
    judged = judge_texts(classifier, gold, lambda done, total: report_progress(Progress("assess", done, total)))
    metrics = evaluate(
        gold,
        judged,
        classifier.model.narratives,
        resamples=resamples,
        seed=RESAMPLING_SEED if seed is None else seed,
        report_progress=lambda done, total: report_progress(Progress("measure", done, total)),
    )
    if picture:
        _draw_picture(metrics, picture, image_format, title=f"Bundle {classifier.bundle_id} on {len(gold):,} texts")
    return {"bundle": classifier.bundle_id, **metrics}


def _check_picture(picture: Path) -> str:
    """The picture's format, found out before any long work. Raises `UsageError` where it cannot be made."""
    from monitor.figures import FORMATS  # noqa: PLC0415

    image_format = picture.suffix.lower().removeprefix(".")
    if image_format not in FORMATS:
        raise UsageError(f"--picture {picture}: ends in {picture.suffix or 'no suffix'!r}; give a name that ends in .svg or .png")
    if picture.is_dir() or not picture.parent.is_dir():
        state = "is a folder" if picture.is_dir() else "its folder does not exist"
        raise UsageError(f"--picture {picture}: {state}; give the name of a file in a folder that exists")
    return image_format


def _draw_picture(metrics: dict[str, Any], picture: Path, image_format: str, *, title: str) -> None:
    from monitor.train.picture import draw_evaluation  # noqa: PLC0415

    content = draw_evaluation(metrics, title=title, image_format=image_format)
    try:
        picture.write_bytes(content)
    except OSError as error:
        raise UsageError(f"--picture {picture}: cannot be written ({error.strerror}); make it writable or give another") from error


def compare_bundles(
    places: Places,
    a: str,
    b: str,
    *,
    files: Sequence[Path],
    examples: int,
    report_progress: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """What would change from bundle ``a`` to ``b`` on JSON Lines files, or without any on the store's current articles."""
    from monitor.pipeline.parts import Progress  # noqa: PLC0415
    from monitor.train.compare import Side, compare  # noqa: PLC0415
    from monitor.train.corpus import check_texts, stream_texts  # noqa: PLC0415

    sides = [open_classifier(replace(places, bundle=reference)) for reference in (a, b)]
    with ExitStack() as stack:
        if files:
            known = open_codebook(places).ids
            total, texts = check_texts(files, known), stream_texts(files, known)
        else:
            store = stack.enter_context(open_store(places, must_exist=True))
            total, texts = store.count_articles(), _stream_articles(store)
        if not total:
            raise UsageError("the store holds no article yet; `monitor run` fetches some, or give JSON Lines files")
        left, right = (Side(classifier, classifier.model.narratives) for classifier in sides)
        return compare(
            left, right, texts, examples=examples, report_progress=lambda done: report_progress(Progress("compare", done, total))
        )


def _stream_articles(store: SqlStore) -> Iterator[Document | LabelledText]:
    """The current text of every article, batch by batch."""
    after = 0
    while batch := store.load_current(after=after, limit=ARTICLES_AT_ONCE):
        yield from (document for _, document in batch)
        after = batch[-1][0]


def use_bundle(places: Places, reference: str) -> str:
    """Make a bundle of ``models/`` the one in use, after checking it; gives its id."""
    from monitor.bundle import load_bundle, point_to, resolve_bundle  # noqa: PLC0415

    folder = resolve_bundle(reference, places.models)
    load_bundle(folder)
    point_to(folder, places.models)
    return folder.resolve().name

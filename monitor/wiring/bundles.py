"""What the commands about bundles are made of: train, evaluate, compare, use."""

from __future__ import annotations

import zipfile
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from monitor.errors import BundleError, UsageError
from monitor.wiring.parts import Places, open_classifier, open_codebook, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from monitor.decisions import DecidedText
    from monitor.pipeline.parts import Progress
    from monitor.records import (
        Document,
        LabelledText,
    )
    from monitor.storage.store import SqlStore
    from monitor.train.adoption import Adoption, Contender
    from monitor.wiring.parts import Clock

ARTICLES_AT_ONCE = 200


def train_new_bundle(  # noqa: PLR0913 - what the command takes
    places: Places,
    corpus: Sequence[Path],
    out: Path | None,
    *,
    seed: int | None,
    jobs: int,
    takes_decisions: bool | None = None,
    without: Sequence[str] = (),
    report_progress: Callable[[str], None],
) -> tuple[Path, dict[str, Any]]:
    """Train on a corpus (by default that of ``models/``) and the decisions in the store; the bundle's folder, its held-out metrics.

    ``takes_decisions`` None: where there is a store. Raises `StoreError` where decisions are asked for and there is none.
    """
    from monitor.encoder import NAME, find_encoder  # noqa: PLC0415
    from monitor.train.decided import label_decisions  # noqa: PLC0415
    from monitor.train.train import DEFAULT_SEED, train_bundle  # noqa: PLC0415

    taught = None
    if takes_decisions or (takes_decisions is None and has_store(places)):
        taught = label_decisions(_load_decided(places, without), without=frozenset(without))
        left_out = f"left out: {taught.disputed} questions on which analysts are divided, {taught.unsure} texts they were unsure of"
        report_progress(f"decisions on {len(taught.texts)} texts; {left_out}")

    return train_bundle(
        list(corpus) or [places.models / "corpus"],
        out or places.models,
        codebook=open_codebook(places),
        codebook_path=places.models / "codebook.yaml",
        seed=DEFAULT_SEED if seed is None else seed,
        encoder=find_encoder(NAME) if places.use_encoder else None,
        jobs=jobs,
        taught=taught,
        report_progress=report_progress,
    )


def has_store(places: Places) -> bool:
    """Whether the store in use was ever made."""
    from monitor.storage.engine import store_exists  # noqa: PLC0415

    return store_exists(places.db_url)


def _load_decided(places: Places, without: Sequence[str] = ()) -> tuple[DecidedText, ...]:
    """All that analysts decided. Raises `UsageError` where one of these names is no account."""
    from monitor.storage.reviewstore import ReviewStore  # noqa: PLC0415

    with ReviewStore(places.db_url) as store:
        if unknown := sorted(set(without) - {account.name for account in store.load_accounts()}):
            raise UsageError(f"--without {', '.join(unknown)}: no such account; `monitor users list` shows them")
        return store.load_decided()


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


def use_bundle(
    places: Places,
    clock: Clock,
    reference: str,
    *,
    force: bool = False,
    report_progress: Callable[[Progress], None] = lambda _: None,
) -> tuple[str, Adoption | None]:
    """Make a bundle of ``models/`` the one in use if it is not worse than that; gives its id, and how the two compare.

    There is nothing to compare where no bundle is in use, or this one. Raises `BundleError` where something speaks against it,
    unless that is overruled by ``force``; what was adopted is noted in ``ADOPTIONS.jsonl`` beside the bundles.
    """
    from monitor.bundle import find_current, load_bundle, point_to, resolve_bundle  # noqa: PLC0415
    from monitor.train.adoption import note_adoption  # noqa: PLC0415

    folder = resolve_bundle(reference, places.models)
    load_bundle(folder)
    current = find_current(places.models)
    adoption = None
    if current is not None and current.resolve() != folder.resolve() and not force:
        adoption = compare_for_adoption(places, current, folder, report_progress)
        if not adoption.is_adopted:
            reasons = "".join(f"\n  {obstacle}" for obstacle in adoption.obstacles)
            raise BundleError(
                f"bundle {adoption.new}: not adopted, since it is worse than {adoption.old}, which stays in use:{reasons}\n"
                f"`monitor bundle compare {adoption.old} {adoption.new}` shows texts; --force uses it all the same"
            )
    point_to(folder, places.models)
    if adoption is not None or force:
        note_adoption(places.models, folder.resolve().name, current, adoption, at=clock.read())
    return folder.resolve().name, adoption


def compare_for_adoption(
    places: Places, current: Path, folder: Path, report_progress: Callable[[Progress], None] = lambda _: None
) -> Adoption:
    """What speaks for and against using ``folder`` instead of ``current``. Raises `BundleError` where either cannot be judged."""
    from monitor.pipeline.parts import Progress  # noqa: PLC0415
    from monitor.train.adoption import judge_adoption  # noqa: PLC0415
    from monitor.train.decided import find_one_sided, label_decisions  # noqa: PLC0415
    from monitor.train.evaluate import RESAMPLING_SEED  # noqa: PLC0415

    decided = _load_decided(places) if has_store(places) else ()
    return judge_adoption(
        _open_contender(places, current),
        _open_contender(places, folder),
        label_decisions(decided).texts,
        seed=RESAMPLING_SEED,
        one_sided=find_one_sided(decided),
        report_progress=lambda done, total: report_progress(Progress("compare", done, total)),
    )


def _open_contender(places: Places, folder: Path) -> Contender:
    from monitor.bundle import verify_bundle  # noqa: PLC0415
    from monitor.train.adoption import Contender  # noqa: PLC0415
    from monitor.train.heldout import FILE, unpack_held_out  # noqa: PLC0415

    content = verify_bundle(folder).get(FILE)
    if content is None:
        raise BundleError(f"bundle {folder}: has no {FILE} to compare it by; train it again, or use it with --force")
    try:
        held_out = unpack_held_out(content)
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(f"bundle {folder}: {FILE} cannot be read ({error}) although its hash is right; train it again") from error
    return Contender(folder.resolve().name, held_out, open_classifier(replace(places, bundle=str(folder))))

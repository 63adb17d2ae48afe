"""What `monitor export` does, put together from concrete parts."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from monitor.errors import StoreError, UsageError
from monitor.export.selection import DayRows, Selection
from monitor.wiring.parts import open_codebook, open_config, open_store, read_answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from monitor.pipeline.parts import Progress
    from monitor.reports import ExportRow, RankedRevision
    from monitor.storage.store import SqlStore
    from monitor.wiring.parts import Clock, Places

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Kind:
    """A format: the function that writes it, and what it is like. Where ``newest_first``, the latest day comes first."""

    module: str
    function: str
    is_binary: bool = False
    newest_first: bool = False
    takes_all: bool = False


KINDS = {
    "csv": Kind("tables", "export_csv", takes_all=True),
    "xlsx": Kind("xlsx", "export_xlsx", is_binary=True, takes_all=True),
    "jsonl": Kind("tables", "export_jsonl", takes_all=True),
    "stix": Kind("stix", "export_stix", newest_first=True),
    "misp": Kind("misp", "export_misp"),
    "atom": Kind("atom", "export_atom", newest_first=True),
    "jsonfeed": Kind("jsonfeed", "export_jsonfeed", newest_first=True),
    "label-studio": Kind("labelstudio", "export_labelstudio", takes_all=True),
}


class Sink(Protocol):
    """Where an export is written."""

    def write(self, piece: bytes, /) -> object:
        """Take the next piece."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user wants exported. ``day`` is None for today; ``since`` is None for that day alone."""

    kind: str
    day: date | None = None
    since: date | None = None
    narratives: tuple[str, ...] = ()
    flagged_only: bool = True


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: how many rows, of which days, and the hash of all bytes."""

    kind: str
    rows: int
    span: str
    sha256: str


def export_rows(
    places: Places, clock: Clock, request: Request, sink: Sink, report_progress: Callable[[Progress], None] = lambda _: None
) -> Exported:
    """Write an export into ``sink``, piece by piece.

    Raises `UsageError` for what cannot be asked for, `StoreError` where the rows are not those that were counted.
    """
    config, codebook = open_config(places), open_codebook(places)
    last = request.day or clock.read().astimezone(ZoneInfo(config.settings.timezone)).date()
    first = request.since or last
    _check(request, first, last, codebook.ids, str(places.models / "codebook.yaml"))
    kind, bundle = KINDS[request.kind], read_answers(places)[0]
    with open_store(places, must_exist=True) as store:
        reader = _Reader(store, config.settings.timezone, bundle, request, report_progress)
        found = reader.rank(first, last)
        selection = Selection(
            first=first,
            last=last,
            timezone=config.settings.timezone,
            bundle=bundle,
            codebook=codebook,
            rows=sum(map(len, found.values())),
            latest_at=max((one.fetched_at for ranked in found.values() for one in ranked), default=None),
            narratives=request.narratives,
            flagged_only=request.flagged_only,
        )
        days = reader.read(dict(reversed(found.items())) if kind.newest_first else found, total=selection.rows)
        sha256 = _write_pieces(_find_writer(kind)(selection, days), sink)
        if reader.given != selection.rows:
            raise StoreError(
                f"export: {reader.given} of {selection.rows} rows were written; the store changed meanwhile, try again"
            )
    return Exported(request.kind, selection.rows, selection.span, sha256)


def _check(request: Request, first: date, last: date, known: frozenset[str], codebook: str) -> None:
    if first > last:
        raise UsageError(f"--since {first}: is after {last}; give a day before it, or another --day")
    if not request.flagged_only and not KINDS[request.kind].takes_all:
        kinds = ", ".join(name for name, kind in KINDS.items() if kind.takes_all)
        raise UsageError(f"--all: {request.kind} holds flagged articles only; take one of {kinds}")
    if unknown := [narrative for narrative in request.narratives if narrative not in known]:
        raise UsageError(f"--narrative {', '.join(unknown)}: not in {codebook}; give ids that are there")


def _find_writer(kind: Kind) -> Callable[[Selection, Iterable[DayRows]], Iterator[bytes]]:
    # Only the writer that is wanted is imported, with the library that it stands on.
    writer: Callable[[Selection, Iterable[DayRows]], Iterator[bytes]] = getattr(
        import_module(f"monitor.export.{kind.module}"), kind.function
    )
    return writer


def _write_pieces(pieces: Iterable[bytes], sink: Sink) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        sink.write(piece)
    return digest.hexdigest()


class _Reader:
    """Reads the rows of one request from the store, some at a time, and counts them."""

    def __init__(
        self, store: SqlStore, timezone: str, bundle: str, request: Request, report_progress: Callable[[Progress], None]
    ) -> None:
        self._store, self._timezone, self._bundle, self._request = store, timezone, bundle, request
        self._report_progress = report_progress
        self.given = 0

    def rank(self, first: date, last: date) -> dict[date, tuple[RankedRevision, ...]]:
        """What each day holds, the first day first."""
        return {day: self._rank_day(day) for day in (first + timedelta(days=offset) for offset in range((last - first).days + 1))}

    def _rank_day(self, day: date) -> tuple[RankedRevision, ...]:
        return self._store.rank_revisions(
            day,
            timezone=self._timezone,
            bundle=self._bundle,
            narratives=self._request.narratives,
            flagged_only=self._request.flagged_only,
        )

    def read(self, found: dict[date, tuple[RankedRevision, ...]], *, total: int) -> Iterator[DayRows]:
        """The days, in the order of ``found``."""
        for day, ranked in found.items():
            starts_at = datetime.combine(day, time(), ZoneInfo(self._timezone)).astimezone(UTC)
            latest_at = max((one.fetched_at for one in ranked), default=None)
            yield DayRows(day, starts_at, len(ranked), latest_at, self._read_day(day, ranked, total))

    def _read_day(self, day: date, ranked: Sequence[RankedRevision], total: int) -> Iterator[ExportRow]:
        from monitor.pipeline.parts import Progress  # noqa: PLC0415

        for start in range(0, len(ranked), ROWS_AT_ONCE):
            chosen = [one.revision_id for one in ranked[start : start + ROWS_AT_ONCE]]
            for row in self._store.load_export_rows(day, chosen, timezone=self._timezone, bundle=self._bundle):
                self.given += 1
                yield row
            self._report_progress(Progress("export", self.given, total))


def make_labelling_config(places: Places) -> str:
    """Label Studio's labelling configuration for the codebook in use."""
    from monitor.export.labelstudio import make_config  # noqa: PLC0415

    return make_config(open_codebook(places))


def export_to_file(
    places: Places, clock: Clock, request: Request, path: Path, report_progress: Callable[[Progress], None] = lambda _: None
) -> Exported:
    """Write an export aside, then rename it: nobody ever sees half of it. Raises `UsageError` where the file cannot be made."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            exported = export_rows(places, clock, request, file, report_progress)
        aside.replace(path)
    except OSError as error:
        raise UsageError(f"--out {path}: cannot be written ({error.strerror}); give a file in a folder that exists") from error
    finally:
        aside.unlink(missing_ok=True)
    return exported

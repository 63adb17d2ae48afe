"""Writes a digest's files so that a reader never sees half of one."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from monitor.errors import NO_ROOM, DigestError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

# About what a quiet day's files take.
PROBE_BYTES = 65_536


def write_digest(files: Mapping[str, bytes], digests: Path, span: date | str) -> Path:
    """Write all files of a day (or span) aside, then rename each into ``digests/<span>/``; gives that folder.

    Raises `DigestError` where that fails; what is there is then as it was before.
    """
    folder = digests / str(span)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = [(folder / f".{name}.{os.getpid()}", folder / name) for name in files]
        for (temporary, _), content in zip(aside, files.values(), strict=True):
            temporary.write_bytes(content)
        for temporary, final in aside:
            temporary.replace(final)
    except OSError as error:
        with suppress(OSError):
            for left in folder.glob(f".*.{os.getpid()}"):
                left.unlink(missing_ok=True)
        raise DigestError(
            f"digests {folder}: cannot be written ({error.strerror}); what it says is in the store, and the next run writes it; "
            f"{_find_remedy(error)}"
        ) from error
    return folder


def check_writable(digests: Path) -> Path:
    """Find out before a run whether its digest can be written; gives the folder.

    Raises `UsageError` where it cannot, `DigestError` where there is no room.
    """
    probe = digests / f".probe.{os.getpid()}"
    try:
        digests.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(bytes(PROBE_BYTES))
    except OSError as error:
        kind = DigestError if error.errno in NO_ROOM else UsageError
        raise kind(f"digests {digests}: cannot be written ({error.strerror}), nothing was done; {_find_remedy(error)}") from error
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return digests


def _find_remedy(error: OSError) -> str:
    return "free some disk space" if error.errno in NO_ROOM else "make it writable for this user, or give another with --digests"

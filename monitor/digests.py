"""Writes a digest's files so that a reader never sees half of one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path


def write_digest(files: Mapping[str, bytes], digests: Path, span: date | str) -> Path:
    """Write all files of a day (or span) aside, then rename each into ``digests/<span>/``; gives that folder.

    Raises `UsageError` where the folder cannot be written.
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
        for left in folder.glob(f".*.{os.getpid()}"):
            left.unlink(missing_ok=True)
        raise UsageError(
            f"digests {folder}: cannot be written ({error.strerror}); make it writable or give another with --digests"
        ) from error
    return folder


def check_writable(digests: Path) -> Path:
    """Find out before a run whether its digest can be written; gives the folder. Raises `UsageError` where it cannot."""
    probe = digests / f".probe.{os.getpid()}"
    try:
        digests.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"digests {digests}: cannot be written ({error.strerror}); make it writable or give another with --digests"
        ) from error
    return digests

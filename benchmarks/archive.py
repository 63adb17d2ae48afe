"""What keeping evidence costs: CPU time of an append and of checking.

    python benchmarks/archive.py [--documents 300] [--records 10000]

Generated documents of 30 kB, plain and as 8 kB of compressed bytes, and one document that comes again and again. Then an archive of
``--records`` compressed ones is checked, opened again and pruned.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.archive.retention import prune_archive
from monitor.archive.verify import verify_archive
from monitor.archive.writer import Archive
from monitor.records import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)
HEADERS = (("Content-Type", "application/rss+xml; charset=utf-8"), ("Server", "nginx"), ("ETag", '"5f3"'))
ZIPPED = (*HEADERS, ("Content-Encoding", "gzip"))
FIGURES: dict[str, float] = {}


@contextmanager
def measure(name: str, *, per: int = 1) -> Iterator[None]:
    """Note the CPU milliseconds of what is inside, for each of ``per``."""
    began = time.process_time()
    yield
    FIGURES[name] = round((time.process_time() - began) / per * 1_000, 3)


def make_documents(count: int) -> list[bytes]:
    """Feeds of invented words, 30 kB each."""
    source = random.Random(1)  # noqa: S311 - reproducible, not secret
    words = ["".join(source.choices("абвгдежзийклмнопрстуф", k=source.randint(2, 10))) for _ in range(4_000)]
    item = "<item><title>{}</title><description>{}</description></item>"
    return [
        "".join(
            item.format(" ".join(source.choices(words, k=8)), " ".join(source.choices(words, k=30))) for _ in range(70)
        ).encode()
        for _ in range(count)
    ]


def keep_all(archive: Archive, bodies: Sequence[bytes], headers: tuple[tuple[str, str], ...]) -> None:
    """Append each body as a document of its own feed."""
    for number, body in enumerate(bodies):
        archive.append(
            f"https://feed-{number}.example/rss.xml",
            NOON,
            Exchange(200, "OK", headers, body),
            document_sha256=hashlib.sha256(body).hexdigest(),
            kind="feed",
            feed_id=f"feed-{number}",
        )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--records", type=int, default=10_000)
    given = parser.parse_args()
    source = random.Random(2)  # noqa: S311 - reproducible, not secret
    plain = make_documents(given.documents)
    zipped = [source.randbytes(8_000) for _ in range(given.records)]
    with tempfile.TemporaryDirectory() as folder, Archive(Path(folder)) as archive:
        with measure("append_plain_ms", per=len(plain)):
            keep_all(archive, plain, HEADERS)
        with measure("append_again_ms", per=len(plain)):
            keep_all(archive, plain, HEADERS)
    with tempfile.TemporaryDirectory() as folder:
        with Archive(Path(folder)) as archive, measure("append_compressed_ms", per=len(zipped)):
            keep_all(archive, zipped, ZIPPED)
        with measure("verify_ms"):
            found = verify_archive(Path(folder))
        FIGURES["verify_mb_per_s"] = round(found.bytes / FIGURES["verify_ms"] / 1_000)
        with measure("open_ms"), Archive(Path(folder)):
            pass
        with Archive(Path(folder)) as archive, measure("prune_ms"):
            prune_archive(archive, now=NOON + timedelta(days=99), max_age_days=9, is_kept=lambda sha256: sha256.endswith("7"))
    print(json.dumps(FIGURES | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}, indent=1))


if __name__ == "__main__":
    main()

"""Killed at any moment, the archive loses nothing that it said it had, and is whole after the next opening."""

import random
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.archive.chain import PruneEntry, iterate_links
from monitor.archive.reader import read_record
from monitor.archive.verify import verify_archive
from monitor.archive.writer import Archive, ArchiveLimits
from tests.factories import NOON
from tests.unit.archive.archives import DAY, SMALL, append_document, build_archive, decode, make_document, warc_files

KILLS = 25
KEPT_EVERY = 7
# Appends and prunes for ever, and says what is in the archive as soon as it is. Every seventh document is evidence.
WRITE_FOR_EVER = """
import sys
from pathlib import Path
from monitor.archive.retention import prune_archive
from monitor.archive.writer import Archive, ArchiveLimits
from tests.unit.archive.archives import DAY, NOON, append_document, hash_document
number, kept = int(sys.argv[2]), {hash_document(n) for n in range(0, 30_000, 7)}
with Archive(Path(sys.argv[1]), limits=ArchiveLimits(max_file_bytes=3_000)) as archive:
    print("open", flush=True)
    while True:
        for _ in range(12):
            print(append_document(archive, number).sequence, number, flush=True)
            number += 1
        prune_archive(archive, now=NOON + DAY, max_bytes=9_000, is_kept=kept.__contains__)
"""


def write_and_kill(folder: Path, first: int, *, lines: int, after_s: float) -> dict[int, int]:
    """What a writer said to have kept, by sequence, before it was killed."""
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        said = [writer.stdout.readline() for _ in range(lines)]
        time.sleep(after_s)
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.readlines()
    pairs = (line.split() for line in said if line.endswith("\n") and line != "open\n")
    return {int(sequence): int(number) for sequence, number in pairs}


@pytest.mark.slow
def test_a_writer_killed_again_and_again_loses_nothing(tmp_path):
    moments = random.Random(20220224)
    head, dropped, kept = None, set(), {}
    for kill in range(KILLS):
        said = write_and_kill(tmp_path, kill * 1_000, lines=moments.randint(1, 60), after_s=moments.random() * 0.02)
        with Archive(tmp_path) as archive:
            head_before, head = head, archive.head
        assert verify_archive(tmp_path, expected_head=head_before).problems == ()
        prunes = [link.entry for link in iterate_links(tmp_path) if isinstance(link.entry, PruneEntry)]
        dropped = {n for prune in prunes for file in prune.files for n in range(file.first, file.last + 1)}
        kept |= said
    for sequence, number in kept.items():
        if number % KEPT_EVERY == 0 or sequence not in dropped:
            assert read_record(tmp_path, sequence, decode=decode).body == make_document(number)
    assert dropped
    assert len(kept) > KILLS * 10


@pytest.mark.parametrize("grown", ["the same file", "a new file"])
def test_a_write_that_stopped_at_any_byte_is_undone(tmp_path, grown):
    source, limits = tmp_path / "source", SMALL if grown == "the same file" else ArchiveLimits(max_file_bytes=1)
    build_archive(source, [1, 2], limits=limits)
    before = {path.name: path.read_bytes() for path in [source / "chain.jsonl", *warc_files(source)]}
    head = verify_archive(source).head
    with Archive(source, limits=limits) as archive:
        append_document(archive, 3, fetched_at=NOON + DAY)
    states = list_states(before, {path.name: path.read_bytes() for path in [source / "chain.jsonl", *warc_files(source)]})
    assert len(states) > 40
    for number, files in enumerate(states):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        with Archive(folder, limits=limits) as archive:
            append_document(archive, 4, fetched_at=NOON + DAY)
        assert verify_archive(folder, expected_head=head).problems == ()
        for sequence, document in enumerate([1, 2] if grown == "the same file" else [1], start=2):
            assert read_record(folder, sequence, decode=decode).body == make_document(document)
        shutil.rmtree(folder)


def list_states(before: dict[str, bytes], after: dict[str, bytes]) -> list[dict[str, bytes]]:
    """The archive as it was at about every 25th byte on the way: records are written before their lines."""
    (name,) = (name for name in after if name != "chain.jsonl" and after[name] != before.get(name))
    lines = after["chain.jsonl"][len(before["chain.jsonl"]) :].splitlines(keepends=True)
    cuts = [len(before.get(name, b"")), *(len(after[name]) for _ in lines[-1:])]
    if len(lines) == 2:
        cuts.insert(1, after[name].index(b"\x1f\x8b\x08", 10))
    states, chain = [], before["chain.jsonl"]
    for line, (start, end) in zip(lines, pairwise(cuts), strict=True):
        states += [before | {name: after[name][:cut], "chain.jsonl": chain} for cut in [*range(start, end, 25), end - 1, end]]
        states += [
            before | {name: after[name][:end], "chain.jsonl": chain + line[:cut]}
            for cut in [*range(1, len(line), 25), len(line) - 1, len(line)]
        ]
        chain += line
    return states

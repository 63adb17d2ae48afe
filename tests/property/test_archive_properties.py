import gzip
import hashlib
import io
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from monitor.archive.chain import iterate_links
from monitor.archive.reader import read_record
from monitor.archive.retention import prune_archive
from monitor.archive.verify import verify_archive
from monitor.archive.writer import Archive, ArchiveLimits
from monitor.errors import ArchiveError
from monitor.records import ArchiveHead, Exchange
from tests.factories import NOON
from tests.unit.archive.archives import append_document, decode, hash_document, make_document

names = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"(),/:;<=>?@[]{}\\'), min_size=1, max_size=20
)
values = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=40).map(str.strip)
misleading = {"transfer-encoding", "content-length", "content-encoding"}


@dataclass(frozen=True)
class Sample:
    """An archive as bytes: five documents in two files, one of them twice, one pruned file, one kept record."""

    files: dict[str, bytes]
    head: ArchiveHead
    spans: tuple[tuple[str, int, int, int], ...]  # file, start, end, sequence


@cache
def make_sample() -> Sample:
    folder = Path(tempfile.mkdtemp())
    try:
        limits = ArchiveLimits(max_file_bytes=1_000, max_file_days=10)
        with Archive(folder, limits=limits) as archive:
            append_document(archive, 0, fetched_at=NOON - timedelta(days=50))
            append_document(archive, 1, fetched_at=NOON - timedelta(days=50))
            prune_archive(archive, now=NOON, max_age_days=20, is_kept=lambda sha256: sha256 == hash_document(0))
            for number in (2, 3, 2, 4, 5):
                append_document(archive, number, is_zipped=number == 4)
            head = archive.head
        live = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in {".gz", ".jsonl"}}
        entries = [link.entry for link in iterate_links(folder)]
        spans = tuple((e.file, e.offset, e.end, e.sequence) for e in entries if getattr(e, "file", None) in live)
        return Sample(live, head, spans)
    finally:
        shutil.rmtree(folder)


def check(files: dict[str, bytes]):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        return verify_archive(folder, expected_head=make_sample().head)


def name_of(data: st.DataObject) -> str:
    return data.draw(st.sampled_from(sorted(make_sample().files)))


def test_the_sample_is_intact():
    assert check(make_sample().files).is_intact
    assert len(make_sample().files) == 5


def test_every_byte_of_a_small_archive_is_found_and_its_record_named_when_it_changes(tmp_path):
    """Each byte in turn, not a sample: nothing lies outside the hashes."""
    with Archive(tmp_path) as archive:
        for _ in range(2):
            append_document(archive, 1)
        head = archive.head
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix in {".gz", ".jsonl"}}
    spans = [(entry.file, entry.offset, entry.end, entry.sequence) for entry in (link.entry for link in iterate_links(tmp_path))]
    for name, content in files.items():
        for at in range(len(content)):
            changed = bytearray(content)
            changed[at] ^= 1 << (at % 8)
            (tmp_path / name).write_bytes(changed)
            assert_named(name, at, verify_archive(tmp_path, expected_head=head).problems, content=content, spans=spans)
        (tmp_path / name).write_bytes(content)


def assert_named(name: str, at: int, problems, *, content: bytes, spans) -> None:
    """A problem names the record, or the line, that byte ``at`` of a file belongs to."""
    if name == "chain.jsonl":
        line = content.count(b"\n", 0, at) + 1
        assert any(problem.where.startswith(f"chain.jsonl line {line} ") for problem in problems), at
    else:
        ((start, sequence),) = [(s, n) for file, s, end, n in spans if file == name and s <= at < end]
        (problem,) = problems
        assert (problem.kind, problem.where) == ("changed_record", f"{name} byte {start}")
        assert problem.message.startswith(f"record {sequence} ")


def test_every_record_or_line_that_is_taken_out_or_doubled_is_found_and_named():
    sample = make_sample()
    for name, content in sample.files.items():
        spans = [content[start:end] for file, start, end, _ in sample.spans if file == name]
        parts = spans or content.splitlines(keepends=True)
        for place in range(len(parts)):
            for changed in (parts[:place] + parts[place + 1 :], parts[: place + 1] + parts[place:]):
                problems = check(sample.files | {name: b"".join(changed)}).problems
                assert any(problem.where.startswith(name) for problem in problems), (name, place)


@cache
def make_large_sample() -> tuple[dict[str, bytes], ArchiveHead]:
    """Four hundred documents of up to 20 kB in files of 300 kB."""
    folder = Path(tempfile.mkdtemp())
    try:
        with Archive(folder, limits=ArchiveLimits(max_file_bytes=300_000)) as archive:
            for number in range(400):
                body = hashlib.shake_256(b"%d" % number).digest(number * 50)
                archive.append(
                    f"https://x.example/{number}",
                    NOON,
                    Exchange(200, "OK", (), body),
                    document_sha256=hashlib.sha256(body).hexdigest(),
                    kind="page",
                )
            head = archive.head
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in {".gz", ".jsonl"}}, head
    finally:
        shutil.rmtree(folder)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_changed_byte_of_a_large_archive_is_found_and_its_file_named(data):
    files, head = make_large_sample()
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as folder:
        for file, original in files.items():
            (Path(folder) / file).write_bytes(content if file == name else original)
        problems = verify_archive(Path(folder), expected_head=head).problems
    assert any(problem.where.startswith(name) for problem in problems)


@given(st.data())
def test_any_changed_byte_is_found_and_its_record_named(data):
    sample = make_sample()
    name = name_of(data)
    content = bytearray(sample.files[name])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    problems = check(sample.files | {name: bytes(content)}).problems
    assert_named(name, at, problems, content=sample.files[name], spans=sample.spans)


@given(st.data())
def test_any_cut_or_inserted_bytes_are_found_and_their_file_named(data):
    sample = make_sample()
    name = name_of(data)
    content = sample.files[name]
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, len(content)))
    changed = content[:start] + data.draw(st.binary(max_size=50)) + content[end:]
    problems = check(sample.files | {name: changed}).problems
    assert (problems == ()) == (changed == content)
    assert problems == () or any(problem.where.startswith(name) for problem in problems)


@given(st.data())
def test_any_other_order_of_records_or_lines_is_found(data):
    sample = make_sample()
    name = name_of(data)
    content = sample.files[name]
    if name == "chain.jsonl":
        parts = content.splitlines(keepends=True)
    else:
        parts = [content[start:end] for file, start, end, _ in sample.spans if file == name]
    picked = data.draw(st.lists(st.sampled_from(parts), max_size=len(parts) + 2) | st.permutations(parts))
    problems = check(sample.files | {name: b"".join(picked)}).problems
    assert (problems == ()) == (picked == parts)


@given(st.data())
def test_any_missing_added_or_exchanged_file_is_found(data):
    sample = make_sample()
    first, second = name_of(data), name_of(data)
    files = {name: content for name, content in sample.files.items() if name != first}
    assert any(problem.where in {first, "chain.jsonl"} for problem in check(files).problems)
    exchanged = sample.files | {first: sample.files[second], second: sample.files[first]}
    assert (check(exchanged).problems == ()) == (first == second)
    added = data.draw(names.filter(lambda name: name not in {*sample.files, ".", "..", "torn", "archive.lock", "chain.jsonl"}))
    assert [(p.kind, p.where) for p in check(sample.files | {added: b""}).problems] == [("extra_file", added)]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(names.filter(lambda name: name.lower() not in misleading), values), max_size=5),
    st.binary(max_size=500),
    st.booleans(),
    st.text(max_size=30).map("https://x.example/{}".format),
    st.integers(100, 599),
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_any_exchange_comes_back_as_it_was(headers, body, is_zipped, url, status, fetched_at):
    sent = gzip.compress(body, mtime=0) if is_zipped else body
    headers = [*headers, *([("Content-Encoding", "gzip")] if is_zipped else [])]
    exchange = Exchange(status, "Any reason", tuple(headers), sent)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Archive(folder) as archive:
            refs = [
                archive.append(
                    url, fetched_at, exchange, document_sha256=hashlib.sha256(body).hexdigest(), kind="page", feed_id=url
                )
                for _ in range(2)
            ]
        assert verify_archive(folder, expected_head=archive.head).is_intact
        for ref in refs:
            stored = read_record(folder, ref.sequence, decode=decode)
            assert (stored.body, stored.sent, stored.headers, stored.status) == (body, sent, tuple(headers), status)
            assert (stored.url, stored.fetched_at, stored.feed_id) == (url, fetched_at, url)
        content = (folder / refs[0].file).read_bytes()
        records = ArchiveIterator(io.BytesIO(content[refs[0].offset :]), check_digests="raise")
        assert next(records).content_stream().read() == body


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=14),
    st.lists(st.tuples(st.integers(0, 20), st.sets(st.integers(0, 6)), st.none() | st.integers(0, 6_000)), min_size=1, max_size=3),
    st.integers(400, 2_000),
)
def test_whatever_is_pruned_what_is_kept_or_recent_can_be_read(numbers, prunings, max_file_bytes):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Archive(folder, limits=ArchiveLimits(max_file_bytes=max_file_bytes)) as archive:
            refs = [append_document(archive, n, fetched_at=NOON + timedelta(days=day)) for day, n in enumerate(numbers)]
            kept = set(range(7))
            for age, numbers_kept, max_bytes in prunings:
                kept &= numbers_kept
                hashes = {hash_document(number) for number in kept}
                now = NOON + timedelta(days=len(numbers))
                prune_archive(archive, now=now, max_age_days=age, max_bytes=max_bytes, is_kept=hashes.__contains__)
            refs.append(append_document(archive, numbers[0], fetched_at=now))
        assert verify_archive(folder, expected_head=archive.head).is_intact
        is_by_size = any(max_bytes is not None for *_, max_bytes in prunings)
        youngest = min(age for age, *_ in prunings)
        for day, (number, ref) in enumerate(zip([*numbers, numbers[0]], refs, strict=True)):
            is_recent = day == len(numbers) or (not is_by_size and len(numbers) - day <= youngest)
            try:
                assert read_record(folder, ref.sequence, decode=decode).body == make_document(number)
            except ArchiveError:
                assert number not in kept
                assert not is_recent

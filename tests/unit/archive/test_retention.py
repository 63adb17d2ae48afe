import pytest

from monitor.archive.chain import PrunedFile, PruneEntry, iterate_links
from monitor.archive.reader import read_record
from monitor.archive.retention import Pruned, is_prunable, prune_archive
from monitor.archive.verify import verify_archive
from monitor.archive.writer import Archive, ArchiveLimits
from monitor.errors import ArchiveError
from tests.factories import NOON
from tests.unit.archive.archives import (
    DAY,
    append_document,
    build_archive,
    decode,
    hash_document,
    list_records,
    make_document,
    warc_files,
)

DAILY = ArchiveLimits(max_file_bytes=1)  # a file for each record


def prune(folder, *, day=100, limits=DAILY, keep=(), **options) -> Pruned:
    hashes = {hash_document(number) for number in keep}
    with Archive(folder, limits=limits) as archive:
        return prune_archive(archive, now=NOON + DAY * day, is_kept=hashes.__contains__, **options)


def readable(folder, refs) -> list[int]:
    """The documents that are still there, by their places in ``refs``."""
    found = []
    for place, ref in enumerate(refs):
        try:
            read_record(folder, ref.sequence, decode=decode)
        except ArchiveError:
            continue
        found.append(place)
    return found


@pytest.mark.parametrize(
    ("options", "left"),
    [
        pytest.param({}, [0, 1, 2, 3, 4, 5], id="no limits"),
        pytest.param({"max_age_days": 97}, [3, 4, 5], id="age"),
        pytest.param({"max_age_days": 97, "keep": [1]}, [1, 3, 4, 5], id="age, one flagged"),
        pytest.param({"max_age_days": 10}, [], id="everything too old"),
        pytest.param({"max_bytes": 2_200}, [4, 5], id="size"),
        pytest.param({"max_bytes": 2_200, "keep": [0, 2]}, [0, 2, 4, 5], id="size, two flagged"),
        pytest.param({"max_bytes": 0}, [5], id="the newest file does not go by size"),
        pytest.param({"max_bytes": 2_200, "max_age_days": 95}, [5], id="both"),
        pytest.param({"max_bytes": 10_000_000, "max_age_days": 1_000}, [0, 1, 2, 3, 4, 5], id="neither"),
    ],
)
def test_old_files_go_and_what_is_flagged_stays(tmp_path, options, left):
    refs = build_archive(tmp_path, range(6), limits=DAILY)
    pruned = prune(tmp_path, **options)
    assert readable(tmp_path, refs) == left
    for place in left:
        assert read_record(tmp_path, refs[place].sequence, decode=decode).body == make_document(place)
    verification = verify_archive(tmp_path)
    assert verification.describe().startswith("archive intact")
    assert pruned.bytes_left == sum(path.stat().st_size for path in warc_files(tmp_path)) == verification.bytes
    assert pruned.kept == len(options.get("keep", ()))
    assert verification.pruned_records == pruned.records


def test_the_chain_says_what_went_and_why(tmp_path):
    refs = build_archive(tmp_path, range(4), limits=DAILY)
    pruned = prune(tmp_path, max_age_days=98, keep=[0])
    tombstone = list(iterate_links(tmp_path))[-1].entry
    assert tombstone == PruneEntry(tombstone.sequence, "prune", "2026-08-22T12:00:00.000000Z", pruned.files, kept=1)
    assert pruned.files[1] == PrunedFile(
        refs[1].file, 3, 4, 2, refs[1].offset + refs[1].length, "2026-05-15T12:00:00.000000Z", "age"
    )
    copy = list_records(tmp_path)[-1]
    assert (copy.origin, copy.record_sha256, copy.file) == (refs[0].sequence, refs[0].record_sha256, "kept-0000000009.warc.gz")


def test_a_revisit_that_stays_keeps_its_original(tmp_path):
    refs = build_archive(tmp_path, [1, 2, 1, 1], limits=DAILY)
    prune(tmp_path, max_age_days=98)
    assert readable(tmp_path, refs) == [0, 2, 3]
    assert read_record(tmp_path, refs[3].sequence, decode=decode).body == make_document(1)
    prune(tmp_path, max_age_days=97)
    assert readable(tmp_path, refs) == [0, 3]
    # The copy of the original goes with the last revisit that needs it.
    assert prune(tmp_path, max_age_days=1).files[-1].reason == "unneeded copies"
    assert readable(tmp_path, refs) == []
    assert warc_files(tmp_path) == []
    assert verify_archive(tmp_path).is_intact


def test_a_flagged_revisit_is_kept_with_its_original(tmp_path):
    refs = build_archive(tmp_path, [1, 2, 1], limits=DAILY)
    assert prune(tmp_path, max_age_days=1, keep=[1]).kept == 2
    assert readable(tmp_path, refs) == [0, 2]
    assert read_record(tmp_path, refs[2].sequence, decode=decode).fetched_at == NOON + DAY * 2


def test_a_copy_is_kept_as_long_as_it_is_needed_and_copied_no_more(tmp_path):
    refs = build_archive(tmp_path, range(4), limits=DAILY)
    prune(tmp_path, max_age_days=1, keep=[0, 1, 2], limits=ArchiveLimits())
    again = prune(tmp_path, max_age_days=1, keep=[0, 1, 2])
    assert (again.files, again.kept) == ((), 0)
    assert prune(tmp_path, max_age_days=1, keep=[0, 1]).files == ()  # most of it is still needed
    with Archive(tmp_path, limits=DAILY) as archive:
        refs.append(append_document(archive, 9, fetched_at=NOON))
    prune(tmp_path, max_age_days=1, keep=[9])
    assert readable(tmp_path, refs) == [4]
    assert verify_archive(tmp_path).is_intact


def test_copies_that_are_hardly_needed_are_written_anew(tmp_path):
    refs = build_archive(tmp_path, range(5), limits=DAILY)
    prune(tmp_path, max_age_days=1, keep=range(5), limits=ArchiveLimits())
    assert len(warc_files(tmp_path)) == 1
    pruned = prune(tmp_path, max_age_days=1, keep=[3])
    assert ([file.reason for file in pruned.files], pruned.kept) == (["unneeded copies"], 1)
    assert readable(tmp_path, refs) == [3]
    copy = list_records(tmp_path)[-1]
    assert copy.origin == refs[3].sequence
    assert verify_archive(tmp_path).is_intact


def test_copies_fill_as_many_files_as_they_need(tmp_path):
    refs = build_archive(tmp_path, range(5), limits=DAILY)
    prune(tmp_path, max_age_days=1, keep=range(3), limits=ArchiveLimits(max_file_bytes=600))
    assert len(warc_files(tmp_path)) == 3
    assert readable(tmp_path, refs) == [0, 1, 2]


def test_the_archive_goes_on_after_pruning_and_refers_to_nothing_that_went(tmp_path):
    with Archive(tmp_path) as archive:
        append_document(archive, 1)
        prune_archive(archive, now=NOON + DAY, max_age_days=0.5)
        new = append_document(archive, 1, fetched_at=NOON + DAY)
    with Archive(tmp_path) as archive:
        last = append_document(archive, 1, fetched_at=NOON + DAY)
    assert [(e.type, e.refers_to) for e in list_records(tmp_path)[-2:]] == [("response", None), ("revisit", new.sequence)]
    assert read_record(tmp_path, last.sequence, decode=decode).body == make_document(1)
    assert verify_archive(tmp_path).is_intact


def test_a_document_whose_copy_was_kept_is_recognised_by_its_first_record(tmp_path):
    refs = build_archive(tmp_path, [1, 2], limits=DAILY)
    prune(tmp_path, max_age_days=1, keep=[1])
    with Archive(tmp_path) as archive:
        refs.append(append_document(archive, 1, fetched_at=NOON + DAY * 100))
    assert list_records(tmp_path)[-1].refers_to == refs[0].sequence
    prune(tmp_path, max_age_days=1)  # the revisit stays, and with it the copy of its original
    assert readable(tmp_path, refs) == [0, 2]


@pytest.mark.parametrize("restart", [False, True])
def test_a_pruning_that_was_interrupted_after_its_line_is_finished_on_opening(tmp_path, restart):
    refs = build_archive(tmp_path, range(3), limits=DAILY)
    content = (tmp_path / refs[0].file).read_bytes()
    prune(tmp_path, max_age_days=99.5)
    (tmp_path / refs[0].file).write_bytes(content)
    assert [(p.kind, p.where) for p in verify_archive(tmp_path).problems] == [("unfinished_prune", refs[0].file)]
    with Archive(tmp_path) as archive:
        if restart:
            append_document(archive, 7)
    assert verify_archive(tmp_path).is_intact


def test_a_pruning_that_was_interrupted_before_its_line_loses_and_doubles_nothing(tmp_path):
    refs = build_archive(tmp_path, range(3), limits=DAILY)
    with Archive(tmp_path) as archive:
        archive.copy_records(list_records(tmp_path)[1:2], copied_at=NOON)
    assert verify_archive(tmp_path).is_intact
    assert prune(tmp_path, max_age_days=1, keep=[0]).kept == 0
    assert readable(tmp_path, refs) == [0]
    assert verify_archive(tmp_path).is_intact


def test_damage_stops_the_pruning_before_anything_goes(tmp_path):
    refs = build_archive(tmp_path, range(3), limits=DAILY)
    path = tmp_path / refs[0].file
    path.write_bytes(path.read_bytes()[:-1] + b"\7")
    with pytest.raises(ArchiveError, match=f"{refs[0].file}: record 2 at byte .* was changed"):
        prune(tmp_path, max_age_days=1, keep=[0])
    assert len(warc_files(tmp_path)) == 3
    assert readable(tmp_path, refs) == [1, 2]
    prune(tmp_path, max_age_days=1)  # what is not needed may be damaged
    assert verify_archive(tmp_path).is_intact


def test_a_damaged_chain_stops_the_pruning(tmp_path):
    build_archive(tmp_path, range(3), limits=DAILY)
    chain = tmp_path / "chain.jsonl"
    chain.write_bytes(chain.read_bytes().replace(b"feed-1", b"feed-9"))
    with pytest.raises(ArchiveError, match="line 4 is damaged"):
        prune(tmp_path, max_age_days=1)
    assert len(warc_files(tmp_path)) == 3


@pytest.mark.parametrize(
    ("day", "limits", "expected"),
    [
        pytest.param(5, {"max_age_days": 5.5, "max_bytes": 10**9}, False, id="all young"),
        pytest.param(6, {"max_age_days": 5.5, "max_bytes": 10**9}, True, id="one old"),
        pytest.param(5, {"max_age_days": 99, "max_bytes": 2_000}, True, id="too large"),
    ],
)
@pytest.mark.parametrize("pruned", [False, True])
def test_whether_there_is_anything_to_drop_is_known_beforehand(tmp_path, day, limits, expected, pruned):
    build_archive(tmp_path, range(5), limits=DAILY)
    if pruned:  # tombstones and copies stand in the chain after the file that is now the oldest
        with Archive(tmp_path, limits=DAILY) as archive:
            prune_archive(archive, now=NOON + DAY * 4, max_age_days=0.5, is_kept=lambda sha256: sha256 == hash_document(0))
            append_document(archive, 9, fetched_at=NOON + DAY * 4)
        day += 4
    with Archive(tmp_path, limits=DAILY) as archive:
        assert is_prunable(archive, now=NOON + DAY * day, **limits) == expected
        drops = prune_archive(archive, now=NOON + DAY * day, is_kept=lambda sha256: sha256 == hash_document(0), **limits).files
    assert expected or not drops


def test_an_empty_archive_has_nothing_to_drop(tmp_path):
    with Archive(tmp_path) as archive:
        assert not is_prunable(archive, now=NOON, max_age_days=1, max_bytes=1)


def test_a_single_file_does_not_go_by_size(tmp_path):
    build_archive(tmp_path, [1])
    with Archive(tmp_path) as archive:
        assert not is_prunable(archive, now=NOON, max_age_days=1, max_bytes=1)

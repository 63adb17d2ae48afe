from dataclasses import replace
from itertools import pairwise

import pytest

from monitor.archive.chain import PrunedFile, PruneEntry, iterate_links
from monitor.archive.verify import verify_archive
from monitor.archive.writer import Archive, ArchiveLimits
from monitor.errors import ArchiveError
from monitor.records import ArchiveHead
from tests.factories import NOON
from tests.unit.archive.archives import DAY, append_document, build_archive, list_records, make_exchange, rewrite_chain, warc_files

ONE_FILE = ArchiveLimits(max_file_days=1_000)


def edit_lines(folder, edit):
    chain = folder / "chain.jsonl"
    lines = chain.read_bytes().splitlines(keepends=True)
    edit(lines)
    chain.write_bytes(b"".join(lines))


def edit_records(folder, edit):
    """Change the list of records that a file consists of."""
    path = warc_files(folder)[0]
    content = path.read_bytes()
    starts = [entry.offset for entry in list_records(folder)] + [len(content)]
    records = [content[start:end] for start, end in pairwise(starts)]
    edit(records)
    path.write_bytes(b"".join(records))


def find_problems(folder, **options):
    return [(problem.kind, problem.where, problem.message) for problem in verify_archive(folder, **options).problems]


def test_an_intact_archive_is_called_so(tmp_path):
    build_archive(tmp_path, range(20))
    with Archive(tmp_path) as archive:
        head = archive.head
    seen = []
    verification = verify_archive(tmp_path, expected_head=head, report_progress=lambda done, total: seen.append((done, total)))
    size = sum(path.stat().st_size for path in warc_files(tmp_path))
    assert (verification.records, verification.bytes, verification.head) == (head.sequence, size, head)
    assert seen == [(size, size)]
    assert verification.describe() == f"archive intact: {head.sequence} records, {size} bytes, head {head.sequence} {head.hash}"


def test_progress_is_told_on_the_way(tmp_path):
    with Archive(tmp_path) as archive:
        for number in range(3):
            archive.append(
                "https://x.example/",
                NOON,
                make_exchange(bytes([number]) * 9_000_000, ("Content-Encoding", "x")),
                document_sha256=f"{number}",
                kind="page",
            )
    seen = []
    verify_archive(tmp_path, report_progress=lambda done, _: seen.append(done))
    assert len(seen) == 4
    assert seen == sorted(seen)


def test_an_archive_without_records_is_intact(tmp_path):
    assert verify_archive(tmp_path).is_intact
    Archive(tmp_path).close()
    assert verify_archive(tmp_path).head == ArchiveHead(0, "0" * 64)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(lambda r: r.pop(3), [("missing_record", 4)], id="taken out"),
        pytest.param(lambda r: r.__delitem__(slice(2, 5)), [("missing_record", n) for n in (3, 4, 5)], id="three taken out"),
        pytest.param(lambda r: r.pop(), [("missing_record", 7)], id="last taken out"),
        pytest.param(lambda r: r.pop(0), [("missing_record", 1)], id="first taken out"),
        pytest.param(lambda r: r.insert(3, r[5]), [("inserted_bytes", 4)], id="put in"),
        pytest.param(lambda r: r.insert(0, b"x"), [("inserted_bytes", 1)], id="byte put in at the start"),
        pytest.param(lambda r: r.append(r[2]), [("unchained_bytes", None)], id="put at the end"),
        pytest.param(
            lambda r: r.__setitem__(slice(2, 4), [r[3], r[2]]), [("changed_record", 3), ("changed_record", 4)], id="swapped"
        ),
        pytest.param(lambda r: r.__setitem__(6, r[6][:-1]), [("missing_record", 7)], id="last byte cut off"),
        pytest.param(lambda r: r.__setitem__(2, r[2][:-1]), [("missing_record", 3)], id="byte taken out"),
        pytest.param(lambda r: r.__setitem__(2, r[2][:-1] + b"\7"), [("changed_record", 3)], id="byte changed"),
        pytest.param(lambda r: r.clear(), [("missing_record", n) for n in range(1, 8)], id="emptied"),
    ],
)
def test_every_change_of_a_file_is_found_and_its_record_named(tmp_path, edit, expected):
    build_archive(tmp_path, range(6), limits=ONE_FILE)
    entries = {entry.sequence: entry for entry in list_records(tmp_path)}
    edit_records(tmp_path, edit)
    problems = find_problems(tmp_path)
    assert [kind for kind, *_ in problems] == [kind for kind, _ in expected]
    for (_, where, message), (_, sequence) in zip(problems, expected, strict=True):
        name, word, offset = where.split()
        assert (name, word) == (warc_files(tmp_path)[0].name, "byte")
        if sequence is None:
            assert int(offset) == entries[7].end
        else:
            assert int(offset) == entries[sequence].offset
            assert f"record {sequence} " in f"{message} "


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(lambda n: n.pop(3), [("missing_lines", "line 4", "entries 4 to 4")], id="taken out"),
        pytest.param(
            lambda n: n.__delitem__(slice(0, 2)), [("missing_lines", "line 1", "entries 1 to 2")], id="first two taken out"
        ),
        pytest.param(lambda n: n.insert(3, n[1]), [("misplaced_line", "line 4", "entry 2 stands after entry 3")], id="repeated"),
        pytest.param(
            lambda n: n.insert(3, n.pop(4)),
            [("missing_lines", "line 4", "entries 4 to 4"), ("misplaced_line", "line 5", "entry 4 stands after")],
            id="swapped",
        ),
        pytest.param(lambda n: n.insert(3, b"{}\n"), [("changed_line", "line 4", "does not end with its hash")], id="put in"),
        pytest.param(
            lambda n: n.__setitem__(3, n[3].replace(b"feed-2", b"feed-9")),
            [("changed_line", "line 4", "its hash is not the one of its content")],
            id="changed",
        ),
        pytest.param(lambda n: n.__setitem__(6, n[6][:-1]), [("torn_line", "line 7", "it has no end")], id="no end"),
        pytest.param(
            lambda n: n.__setitem__(3, n[3][:-1]),
            [("changed_line", "line 4", "its hash"), ("missing_lines", "line 5", "entries 4 to 5")],
            id="line break taken out",
        ),
    ],
)
def test_every_change_of_the_chain_is_found_and_its_line_named(tmp_path, edit, expected):
    build_archive(tmp_path, range(6), limits=ONE_FILE)
    edit_lines(tmp_path, edit)
    problems = [problem for problem in find_problems(tmp_path) if problem[1].startswith("chain.jsonl")]
    assert len(problems) == len(expected)
    for (kind, where, message), (expected_kind, line, text) in zip(problems, expected, strict=True):
        assert kind == expected_kind
        assert where.startswith(f"chain.jsonl {line} (byte ")
        assert text in message


def test_a_line_that_agrees_with_itself_but_not_with_the_next_is_found(tmp_path):
    build_archive(tmp_path, range(3), limits=ONE_FILE)
    true = (tmp_path / "chain.jsonl").read_bytes().splitlines(keepends=True)
    entries = [link.entry for link in iterate_links(tmp_path)]
    rewrite_chain(tmp_path, [*entries[:2], replace(entries[2], url="https://other.example/"), entries[3]])
    edit_lines(tmp_path, lambda lines: lines.__setitem__(3, true[3]))
    ((kind, where, _),) = find_problems(tmp_path)
    assert (kind, where.split(" (")[0]) == ("broken_link", "chain.jsonl line 4")


@pytest.mark.parametrize("lines_left", [0, 1, 3])
def test_a_head_kept_elsewhere_shows_that_the_end_was_cut_off(tmp_path, lines_left):
    build_archive(tmp_path, range(4), limits=ONE_FILE)
    with Archive(tmp_path) as archive:
        head = archive.head
    edit_lines(tmp_path, lambda lines: lines.__delitem__(slice(lines_left, None)))
    with Archive(tmp_path):  # tidies up what looks like an interrupted run
        pass
    assert verify_archive(tmp_path).is_intact
    ((kind, where, message),) = find_problems(tmp_path, expected_head=head)
    assert (kind, where) == ("truncated_chain", "chain.jsonl")
    assert f"ends with entry {lines_left}, but reached entry 5" in message


def test_a_head_kept_elsewhere_shows_that_the_whole_chain_was_made_anew(tmp_path):
    build_archive(tmp_path, range(4), limits=ONE_FILE)
    with Archive(tmp_path) as archive:
        head = archive.head
        append_document(archive, 5)
    assert verify_archive(tmp_path, expected_head=head).is_intact
    entries = [link.entry for link in iterate_links(tmp_path)]
    rewrite_chain(tmp_path, [*entries[:2], replace(entries[2], url="https://other.example/"), *entries[3:]])
    assert verify_archive(tmp_path).is_intact
    ((kind, where, _),) = find_problems(tmp_path, expected_head=head)
    assert (kind, where.split(" (")[0]) == ("rewritten_chain", "chain.jsonl line 5")


def test_missing_and_extra_files_are_named(tmp_path):
    build_archive(tmp_path, range(12))
    gone = warc_files(tmp_path)[1]
    gone.unlink()
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "records-0000000003.warc.gz").write_bytes(b"")
    assert [(kind, where) for kind, where, _ in find_problems(tmp_path)] == [
        ("missing_file", gone.name),
        ("extra_file", "notes.txt"),
        ("extra_file", "records-0000000003.warc.gz"),
    ]


def test_lines_that_leave_bytes_out_or_tell_of_another_pruning_are_found(tmp_path):
    build_archive(tmp_path, range(3), limits=ONE_FILE)
    entries = [link.entry for link in iterate_links(tmp_path)]
    rewrite_chain(tmp_path, [*entries[:2], replace(entries[3], sequence=3)])
    assert [(kind, where.split()[-1]) for kind, where, _ in find_problems(tmp_path)] == [
        ("unchained_bytes", str(entries[3].offset))
    ]
    name = entries[0].file
    stone = PrunedFile(name, first=1, last=3, records=3, bytes=1, newest="", reason="age")
    rewrite_chain(tmp_path, [*entries, PruneEntry(5, "prune", "", (stone,), 0)])
    assert [kind for kind, *_ in find_problems(tmp_path)] == ["wrong_tombstone", "unfinished_prune"]
    stone = replace(stone, last=4, records=4, bytes=entries[-1].end)
    rewrite_chain(tmp_path, [*entries, PruneEntry(5, "prune", "", (stone,), 0)])
    assert [kind for kind, *_ in find_problems(tmp_path)] == ["unfinished_prune"]


def test_a_wrecked_archive_gives_a_list_of_bounded_length(tmp_path):
    with Archive(tmp_path) as archive:
        for number in range(1_100):
            append_document(archive, number, fetched_at=NOON + DAY)
    path = warc_files(tmp_path)[0]
    path.write_bytes(bytes(path.stat().st_size))
    verification = verify_archive(tmp_path)
    assert (len(verification.problems), verification.unlisted) == (1_000, 101)
    lines = verification.describe().splitlines()
    assert lines[0].startswith("archive NOT intact: 1101 problems in 1101 records")
    assert lines[1] == "  records-0000000001.warc.gz byte 0: record 1 (" + lines[1].partition("record 1 (")[2]
    assert lines[-1] == "  and 101 more"


def test_what_cannot_be_read_is_an_archive_error(tmp_path):
    with pytest.raises(ArchiveError, match="is no folder"):
        verify_archive(tmp_path / "none")
    (tmp_path / "chain.jsonl").mkdir()
    with pytest.raises(ArchiveError, match=r"chain\.jsonl: cannot be read"):
        verify_archive(tmp_path)

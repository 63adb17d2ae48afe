import pytest

from monitor.digests import check_writable, write_digest
from monitor.errors import DigestError, UsageError

DAY = "2026-05-14"
FILES = {"digest.md": "# Зведення\n".encode(), "digest.csv": b"\xef\xbb\xbfday\r\n"}


def test_all_files_of_a_day_are_written_into_its_folder(tmp_path):
    folder = write_digest(FILES, tmp_path / "deep" / "digests", DAY)
    assert folder == tmp_path / "deep" / "digests" / "2026-05-14"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES


def test_writing_again_replaces_the_files_and_keeps_others(tmp_path):
    folder = write_digest(FILES, tmp_path, DAY)
    (folder / "notes.txt").write_text("аналітик")
    write_digest({"digest.md": b"new"}, tmp_path, DAY)
    assert sorted(path.name for path in folder.iterdir()) == ["digest.csv", "digest.md", "notes.txt"]
    assert (folder / "digest.md").read_bytes() == b"new"


def test_a_reader_that_holds_the_old_file_reads_it_to_its_end(tmp_path):
    folder = write_digest({"digest.md": b"old " * 1000}, tmp_path, DAY)
    with (folder / "digest.md").open("rb") as reader:
        assert reader.read(4) == b"old "
        write_digest({"digest.md": b"new"}, tmp_path, DAY)
        assert reader.read() == b"old " * 999


@pytest.mark.parametrize("blocked", ["", "2026-05-14", "2026-05-14/digest.csv"], ids=["root", "day", "file"])
def test_a_place_that_cannot_be_written_is_named_with_a_remedy(tmp_path, blocked):
    root = tmp_path / "digests"
    if blocked.endswith(".csv"):
        (root / blocked).mkdir(parents=True)
    else:
        (root / blocked).parent.mkdir(exist_ok=True)
        (root / blocked).write_text("a file where a folder should be")
    with pytest.raises(DigestError, match=r"digests .* cannot be written .* --digests"):
        write_digest(FILES, root, DAY)


def test_a_writable_folder_is_made_and_left_empty(tmp_path):
    check_writable(tmp_path / "deep" / "digests")
    assert list((tmp_path / "deep" / "digests").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_found_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot be written .*--digests"):
        check_writable(tmp_path / "file" / "digests")

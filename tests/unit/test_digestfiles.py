from dataclasses import replace
from pathlib import Path

from monitor.codebook import load_codebook
from monitor.dayreports import Trend, Trends
from monitor.digestfiles import write_files
from monitor.places import find_models
from tests.factories import make_digest, make_row
from tests.unit.stages.test_charts import DAYS

CODEBOOK = load_codebook(find_models(Path.cwd()) / "codebook.yaml")
SHARED = Trends(DAYS, (), (Trend("Маяк", 3, (*[0] * 28, 3), "steady", 1.0, 1.0),), 28, 7, 1.0)
DIGEST = make_digest(make_row(), trends=SHARED)


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_pictures_stand_beside_the_pages_and_in_them(tmp_path):
    folder = write_files(DIGEST, tmp_path, CODEBOOK)
    files = read(folder)
    assert folder == tmp_path / "2026-05-14"
    assert {"outlets.svg", "outlets.png", "digest.html", "run.json"} <= set(files)
    assert 'aria-labelledby="outlets-title outlets-desc"' in files["digest.html"].decode()


def test_pictures_taken_again_are_those_that_would_be_drawn(tmp_path):
    drawn = read(write_files(DIGEST, tmp_path, CODEBOOK))
    assert read(write_files(DIGEST, tmp_path, CODEBOOK, takes_pictures_again=True)) == drawn
    (tmp_path / "2026-05-14/outlets.png").write_bytes(b"damaged")
    assert read(write_files(DIGEST, tmp_path, CODEBOOK, takes_pictures_again=True)) == drawn


def test_pictures_that_a_digest_does_not_have_any_more_are_taken_away(tmp_path):
    folder = write_files(DIGEST, tmp_path, CODEBOOK)
    (folder / "notes.txt").write_text("аналітик")
    write_files(replace(DIGEST, trends=Trends()), tmp_path, CODEBOOK)
    assert not {"outlets.svg", "outlets.png"} & set(read(folder))
    assert "notes.txt" in read(folder)

import hashlib
import io
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from monitor.bundle import REQUIRED, SUMS, BundleClassifier, load_bundle, point_to, resolve_bundle, save_bundle, verify_bundle
from monitor.errors import BundleError
from tests.factories import make_calibration, make_document, make_model, make_second_stage
from tests.fakes import FakeEncoder

SETTINGS = {"codebook_version": 1, "trained_at": "2026-05-14"}
EXTRA = {"CARD.md": "# Картка\n".encode(), "codebook.yaml": b"version: 1\n", "metrics.json": b"{}\n"}
DOCUMENTS = [
    make_document(text="Жители единогласно поддержали."),
    make_document(title="Истоки родной гавани", text="Это фейк."),
]


SECOND = make_second_stage(
    ((4.0, -1.0), (0.0, 0.5)), weight=0.25, calibration=make_calibration(slope=0.5, offset=-1.0), thresholds=np.array([0.7, 0.8123])
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return save_bundle(make_model(), tmp_path / "models", settings=SETTINGS, extra_files=EXTRA)


@pytest.fixture
def two_stages(tmp_path: Path) -> Path:
    return save_bundle(make_model(second=SECOND), tmp_path / "models", settings=SETTINGS, extra_files=EXTRA)


def seal(folder: Path, changed: dict[str, bytes]) -> Path:
    """The bundle with some files changed and everything hashed anew, as somebody would who makes a bundle by hand."""
    for name, content in changed.items():
        (folder / name).write_bytes(content)
    names = sorted(path.name for path in folder.iterdir() if path.name != SUMS)
    sums = "".join(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names).encode()
    (folder / SUMS).write_bytes(sums)
    return folder.rename(folder.parent / f"cb1-{hashlib.sha256(sums).hexdigest()[:12]}")


def read_arrays(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "weights.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def pack(arrays: dict[str, np.ndarray], *, allow_pickle: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=allow_pickle, **arrays)
    return buffer.getvalue()


def test_a_bundle_answers_as_the_model_that_it_was_made_from(bundle):
    loaded = BundleClassifier(load_bundle(bundle))
    assert loaded.assess(DOCUMENTS) == BundleClassifier(make_model()).assess(DOCUMENTS)
    assert loaded.bundle_id == bundle.name


def test_every_part_of_a_model_comes_back(bundle):
    made, loaded = make_model(threshold=0.5), load_bundle(bundle)
    assert (loaded.narratives, loaded.second) == (made.narratives, None)
    assert (loaded.min_promotes, loaded.min_promotes_contested) == (made.min_promotes, made.min_promotes_contested)
    assert (loaded.vocabulary.prefixes, loaded.vocabulary.groups) == (made.vocabulary.prefixes, made.vocabulary.groups)
    assert np.array_equal(loaded.vocabulary.idf, made.vocabulary.idf)
    for name in ("slopes", "offsets"):
        assert np.array_equal(getattr(loaded.calibration, name), getattr(made.calibration, name)), name
    for name in ("weights", "claims_intercept", "thresholds", "stance_intercept", "stance_cues"):
        assert np.array_equal(getattr(loaded, name), getattr(made, name)), name


def test_every_part_of_a_second_stage_comes_back(two_stages):
    loaded = load_bundle(two_stages).second
    assert (loaded.encoder, loaded.weight) == (SECOND.encoder, SECOND.weight)
    assert np.array_equal(loaded.calibration.slopes, SECOND.calibration.slopes)
    assert np.array_equal(loaded.calibration.offsets, SECOND.calibration.offsets)
    for name in ("claims", "claims_intercept", "thresholds"):
        assert np.array_equal(getattr(loaded, name), getattr(SECOND, name)), name


def test_a_bundle_of_two_stages_answers_as_the_model_that_it_was_made_from(two_stages):
    encoder = FakeEncoder("единогласно")
    loaded = BundleClassifier(load_bundle(two_stages), encoder)
    assert loaded.assess(DOCUMENTS) == BundleClassifier(make_model(second=SECOND), encoder).assess(DOCUMENTS)
    assert encoder.seen
    assert loaded.bundle_id == two_stages.name
    assert loaded.thresholds == {"fake_loyalty": 0.7, "crimea_always_russian": 0.8123}


def test_without_its_encoder_a_bundle_answers_by_its_first_stage_and_says_so(two_stages):
    loaded = BundleClassifier(load_bundle(two_stages))
    assert loaded.assess(DOCUMENTS) == BundleClassifier(make_model()).assess(DOCUMENTS)
    assert loaded.bundle_id == f"{two_stages.name}+first"
    assert loaded.thresholds == {"fake_loyalty": 0.5, "crimea_always_russian": 0.5}


def test_an_encoder_makes_no_difference_to_a_bundle_of_one_stage(bundle):
    encoder = FakeEncoder("единогласно")
    loaded = BundleClassifier(load_bundle(bundle), encoder)
    assert loaded.assess(DOCUMENTS) == BundleClassifier(make_model()).assess(DOCUMENTS)
    assert (loaded.bundle_id, encoder.seen) == (bundle.name, [])
    assert loaded.thresholds == {"fake_loyalty": 0.5, "crimea_always_russian": 0.5}


@pytest.mark.parametrize("threshold", [0.5001, 0.7, 0.9526, 0.99])
def test_a_threshold_is_the_same_number_after_loading(tmp_path, threshold):
    # A score that equals its threshold counts as carried, so not a bit may be lost.
    made = save_bundle(make_model(threshold=threshold), tmp_path, settings=SETTINGS, extra_files={})
    assert set(BundleClassifier(load_bundle(made)).thresholds.values()) == {threshold}


def test_odd_features_survive_the_word_lists(tmp_path):
    odd = ("a b", "п'ять", "x\u2028y", "\u0085z", " кр", "q\x0cr")
    folder = save_bundle(make_model({"n": odd}, refuting=()), tmp_path, settings=SETTINGS, extra_files={})
    assert set(load_bundle(folder).vocabulary.prefixes) == set(odd)


def test_the_same_model_gives_the_same_bytes_and_id(tmp_path, bundle):
    again = save_bundle(make_model(), tmp_path / "again", settings=SETTINGS, extra_files=EXTRA)
    assert again.name == bundle.name
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {path.name: path.read_bytes() for path in bundle.iterdir()}


def test_another_model_or_card_gives_another_id(tmp_path, bundle):
    other = save_bundle(make_model(threshold=0.6), tmp_path, settings=SETTINGS, extra_files=EXTRA)
    carded = save_bundle(make_model(), tmp_path, settings=SETTINGS, extra_files=EXTRA | {"CARD.md": b"# Other\n"})
    staged = save_bundle(make_model(second=SECOND), tmp_path, settings=SETTINGS, extra_files=EXTRA)
    assert len({bundle.name, other.name, carded.name, staged.name}) == 4


def test_saving_again_leaves_the_bundle_and_nothing_else(bundle):
    save_bundle(make_model(), bundle.parent, settings=SETTINGS, extra_files=EXTRA)
    assert [path.name for path in bundle.parent.iterdir()] == [bundle.name]


def test_sha256sums_lists_every_file_as_the_tool_reads_it(bundle):
    lines = (bundle / SUMS).read_text().splitlines()
    listed = {line.split("  ")[1]: line.split("  ")[0] for line in lines}
    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in bundle.iterdir() if path.name != SUMS}
    assert set(listed) == {*REQUIRED, *EXTRA}


@pytest.mark.parametrize("at", [0, -1], ids=["first byte", "last byte"])
@pytest.mark.parametrize("name", [*REQUIRED, *EXTRA, SUMS])
def test_one_changed_byte_in_any_file_is_refused(bundle, name, at):
    content = bytearray((bundle / name).read_bytes())
    if not content:
        content = bytearray(b"\n")
    else:
        content[at] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=name):
        load_bundle(bundle)


@pytest.mark.parametrize("name", [*REQUIRED, *EXTRA, SUMS])
def test_a_missing_file_is_named(bundle, name):
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=rf"{name} cannot be read .*restore it"):
        load_bundle(bundle)


@pytest.mark.parametrize("name", ["cb1-ffffffffffff", "cb1", "latest", "renamed-000000000000"])
def test_a_renamed_folder_is_refused(bundle, name):
    moved = bundle.rename(bundle.parent / name)
    with pytest.raises(BundleError, match="does not belong to this id"):
        verify_bundle(moved)


def test_a_bundle_behind_a_link_is_judged_by_its_own_name(tmp_path, bundle):
    link = tmp_path / "in-use"
    link.symlink_to(bundle)
    assert load_bundle(link).bundle_id == bundle.name


@pytest.mark.parametrize("name", REQUIRED)
def test_a_bundle_that_never_had_a_needed_file_is_refused(bundle, name):
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=f"lacks {name}"):
        load_bundle(seal(bundle, {}))


@pytest.mark.parametrize("line", ["../../secret", "/etc/hostname", "sub/file", ""])
def test_sums_that_name_no_file_of_the_folder_are_refused(bundle, line):
    sums = (bundle / SUMS).read_bytes() + f"{'0' * 64}  {line}\n".encode()
    (bundle / SUMS).write_bytes(sums)
    moved = bundle.rename(bundle.parent / f"cb1-{hashlib.sha256(sums).hexdigest()[:12]}")
    with pytest.raises(BundleError, match="odd line"):
        load_bundle(moved)


class _Trap:
    def __init__(self, proof: Path):
        self._proof = proof

    def __reduce__(self):
        return (os.mkdir, (str(self._proof),))


def test_pickled_arrays_are_refused_unopened_even_with_right_hashes(tmp_path, bundle):
    proof = tmp_path / "unpickled"
    trap = np.empty(1, dtype=object)
    trap[0] = _Trap(proof)
    sealed = seal(bundle, {"weights.npz": pack(read_arrays(bundle) | {"slopes": trap}, allow_pickle=True)})
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(sealed)
    assert not proof.exists()


def test_a_bare_pickle_is_refused_unopened(tmp_path, bundle):
    proof = tmp_path / "unpickled"
    sealed = seal(bundle, {"weights.npz": pickle.dumps(_Trap(proof))})
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(sealed)
    assert not proof.exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"format": 1}, "has format 1, this program reads 2", id="older format"),
        pytest.param({"format": 3}, "has format 3, this program reads 2", id="newer format"),
        pytest.param({"cues": ["verdict"]}, "other stance cues", id="cues"),
        pytest.param({"thresholds": {}}, "cannot be read", id="no thresholds"),
        pytest.param({"min_promotes": None}, "cannot be read", id="no limit"),
        pytest.param({"min_promotes_contested": None}, "cannot be read", id="no limit for contested texts"),
        pytest.param({"second_stage": {"encoder": "e"}}, "cannot be read", id="second stage without weights"),
        pytest.param({"second_stage": "e"}, "cannot be read", id="second stage that is none"),
        pytest.param({"narratives": ["only_one"]}, "cannot be read", id="unknown narrative"),
    ],
)
def test_settings_of_another_program_are_refused_with_a_reason(bundle, changes, reason):
    settings = json.loads((bundle / "bundle.json").read_text()) | changes
    with pytest.raises(BundleError, match=reason):
        load_bundle(seal(bundle, {"bundle.json": json.dumps(settings).encode()}))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe"], ids=["empty", "broken", "list", "null", "no text"])
def test_settings_that_are_no_object_are_refused(bundle, content):
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(seal(bundle, {"bundle.json": content}))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda a: a | {"weights": a["weights"][:, 1:]}, id="too narrow"),
        pytest.param(lambda a: a | {"weights": a["weights"][:, 0]}, id="one column without its dimension"),
        pytest.param(lambda a: a | {"weights": a["weights"][1:]}, id="a feature without weights"),
        pytest.param(lambda a: a | {"weights": a["weights"].T}, id="turned"),
        pytest.param(lambda a: a | {"idf": a["idf"][1:]}, id="a feature without idf"),
        pytest.param(lambda a: a | {"claims_intercept": a["claims_intercept"][:1]}, id="a narrative without intercept"),
        pytest.param(lambda a: a | {"slopes": a["slopes"][:1]}, id="a narrative without slope"),
        pytest.param(lambda a: a | {"stance_intercept": a["stance_intercept"][:2]}, id="a stance without intercept"),
        pytest.param(lambda a: a | {"stance_cues": a["stance_cues"][1:]}, id="a cue without weight"),
        pytest.param(lambda a: {name: a[name] for name in a if name != "offsets"}, id="array missing"),
    ],
)
def test_weights_that_do_not_fit_together_are_refused_on_loading(bundle, change):
    sealed = seal(bundle, {"weights.npz": pack(change(read_arrays(bundle)))})
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(sealed)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda a: a | {"encoder_claims": a["encoder_claims"][:, 1:]}, id="a narrative without weights"),
        pytest.param(lambda a: a | {"encoder_claims": a["encoder_claims"][0]}, id="one row without its dimension"),
        pytest.param(lambda a: a | {"encoder_claims": np.float32(1)}, id="a number"),
        pytest.param(
            lambda a: a | {"encoder_claims_intercept": a["encoder_claims_intercept"][1:]}, id="a narrative without intercept"
        ),
        pytest.param(lambda a: a | {"second_slopes": a["second_slopes"][1:]}, id="a narrative without slope"),
        pytest.param(lambda a: a | {"second_offsets": a["second_offsets"][1:]}, id="a narrative without offset"),
        pytest.param(lambda a: {name: a[name] for name in a if name != "encoder_claims"}, id="array missing"),
    ],
)
def test_weights_of_a_second_stage_that_do_not_fit_together_are_refused_on_loading(two_stages, change):
    sealed = seal(two_stages, {"weights.npz": pack(change(read_arrays(two_stages)))})
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(sealed)


@pytest.mark.parametrize("thresholds", [{}, None, {"fake_loyalty": 0.5}, {"fake_loyalty": "much", "crimea_always_russian": 0.5}])
def test_a_second_stage_without_all_thresholds_is_refused(two_stages, thresholds):
    settings = json.loads((two_stages / "bundle.json").read_text())
    settings["second_stage"]["thresholds"] = thresholds
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(seal(two_stages, {"bundle.json": json.dumps(settings).encode()}))


@pytest.mark.parametrize("keep", [0, 10, -30], ids=["empty", "head only", "without its end"])
def test_a_cut_archive_is_refused_even_with_right_hashes(bundle, keep):
    content = (bundle / "weights.npz").read_bytes()[:keep]
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(seal(bundle, {"weights.npz": content}))


def test_the_bundle_in_use_is_the_one_that_current_names(bundle):
    point_to(bundle, bundle.parent)
    assert (bundle.parent / "CURRENT").read_text() == f"{bundle.name}\n"
    assert resolve_bundle(None, bundle.parent) == bundle
    assert resolve_bundle(str(bundle.parent / "CURRENT"), Path("elsewhere")) == bundle
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["CURRENT", bundle.name]


def test_a_bundle_is_found_by_path_and_by_id(bundle):
    assert resolve_bundle(str(bundle), Path("elsewhere")) == bundle
    assert resolve_bundle(bundle.name, bundle.parent) == bundle


def test_an_unknown_bundle_is_refused_by_name(bundle):
    with pytest.raises(BundleError, match="cb1-ffffffffffff: neither a folder nor an id"):
        resolve_bundle("cb1-ffffffffffff", bundle.parent)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "cannot be read", id="missing"),
        pytest.param(b"", "names ''", id="empty"),
        pytest.param(b"cb1-ffffffffffff\n", "names 'cb1-ffffffffffff'", id="no such bundle"),
        pytest.param(b"../elsewhere\n", "names '../elsewhere'", id="way out"),
        pytest.param(b".\n", "names '.'", id="the folder itself"),
        pytest.param(b"\xff\xfe\n", "cannot be read", id="no text"),
    ],
)
def test_a_wrong_current_is_refused_with_what_it_says(bundle, content, reason):
    (bundle.parent.parent / "elsewhere").mkdir()
    if content is not None:
        (bundle.parent / "CURRENT").write_bytes(content)
    with pytest.raises(BundleError, match=reason):
        resolve_bundle(None, bundle.parent)


def test_current_is_pointed_only_at_a_bundle_beside_it(tmp_path, bundle):
    point_to(bundle, bundle.parent)
    away = shutil.copytree(bundle, tmp_path / "away" / bundle.name)
    with pytest.raises(BundleError, match="copy it there first"):
        point_to(away, bundle.parent)
    assert resolve_bundle(None, bundle.parent) == bundle


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "models").write_text("a file where a folder should be")
    with pytest.raises(BundleError, match="cannot be written"):
        save_bundle(make_model(), tmp_path / "models", settings=SETTINGS, extra_files=EXTRA)

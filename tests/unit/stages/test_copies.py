"""Shingles, bands and clusters of near copies."""

import random

import numpy as np
import pytest

from monitor.stages.copies import (
    BANDS,
    MAX_WORDS,
    MIN_LONG_WORDS,
    MIN_SIMILARITY,
    ShingleSets,
    WordMemo,
    find_candidates,
    make_bands,
    make_shingles,
    measure_similarity,
    merge_clusters,
)

HEADLINE = "В Керчи после ремонта открыли старый мост"
ARTICLE = " ".join(f"слово{n}" for n in range(60))
# Of the headline and the article: a change here makes every stored sketch useless.
PINNED_SHINGLES = [1212963134, 1441373118, 3505326187, 3600145466, 3645625692, 4058297715]
PINNED_BANDS = [1172976573, 799763920]


def shingle(*texts: str) -> ShingleSets:
    return make_shingles(texts, WordMemo())


def make_sets(*sets: set[int]) -> ShingleSets:
    return ShingleSets.join(np.array(sorted(one), dtype=np.uint32) for one in sets)


def make_pairs(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        pytest.param("", 0, id="nothing"),
        pytest.param("— … «» - !", 0, id="marks only"),
        pytest.param("Главные новости дня на сегодня", 0, id="five words"),
        pytest.param("Главные новости этого дня на сегодня", 5, id="six words: pairs"),
        pytest.param(" ".join(ARTICLE.split()[: MIN_LONG_WORDS - 1]), MIN_LONG_WORDS - 2, id="the longest short text: pairs"),
        pytest.param(" ".join(ARTICLE.split()[:MIN_LONG_WORDS]), MIN_LONG_WORDS - 2, id="the shortest long text: runs of three"),
        pytest.param(ARTICLE, 58, id="runs of three"),
        pytest.param("да " * 30, 1, id="the same run again and again"),
        pytest.param(" ".join(f"w{n}" for n in range(MAX_WORDS + 500)), MAX_WORDS - 2, id="a book: its beginning"),
    ],
)
def test_a_text_has_a_set_of_shingles(text, size):
    assert shingle(text).sizes.tolist() == [size]


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param(HEADLINE.upper(), id="upper case"),
        pytest.param("«В Керчи» — после ремонта - открыли: старый мост!", id="marks"),
        pytest.param("В\u00a0Керчи\nпосле  ремонта\tоткрыли старый мост", id="spaces"),
        pytest.param("В Ке\u0301рчи после ремо\u00adнта открыли старый мост", id="stress mark and soft hyphen"),
        pytest.param("B Керчи после peмонта открыли старый мост".replace("B", "В"), id="Latin look-alikes"),
        pytest.param("В Керчи/после...ремонта…открыли старый мост", id="no space between words"),
    ],
)
def test_what_print_calls_typographic_makes_no_difference(variant):
    sets = shingle(HEADLINE, variant)
    assert sets[0].tolist() == sets[1].tolist()


def test_the_order_of_words_makes_a_difference():
    sets = shingle(HEADLINE, " ".join(reversed(HEADLINE.split())))
    assert not set(sets[0].tolist()) & set(sets[1].tolist())


def test_stored_shingles_and_bands_are_found_again_by_any_other_process():
    sets = shingle(HEADLINE, ARTICLE)
    bands = make_bands(sets)
    assert sets[0].tolist() == PINNED_SHINGLES
    assert [int(bands[0, 0]), int(bands[1, -1])] == PINNED_BANDS


def test_a_memo_that_is_full_starts_anew_and_changes_nothing():
    memo = WordMemo(max_entries=10)
    sets = make_shingles([ARTICLE, ARTICLE], memo)
    assert len(memo) <= 10
    assert sets[0].tolist() == sets[1].tolist() == shingle(ARTICLE)[0].tolist()


def test_a_memo_does_not_keep_what_is_too_long_to_be_a_word():
    memo = WordMemo()
    make_shingles(["а" * 41, "я" * 40], memo)
    assert list(memo) == ["я" * 40]


def rewrite(words: list[str], changed: int, source: random.Random) -> list[str]:
    places = set(source.sample(range(len(words)), changed))
    return [f"другое{source.random()}" if n in places else word for n, word in enumerate(words)]


def test_near_copies_share_a_band_and_unlike_texts_do_not():
    source = random.Random(3)
    texts: list[str] = []
    for number in range(400):
        words = [f"w{number}x{n}" for n in range(source.randint(80, 160))]
        texts += [" ".join(words), " ".join(rewrite(words, len(words) // 28, source))]
    sets = shingle(*texts)
    pairs = make_pairs(*((n, n + 1) for n in range(0, 800, 2)))
    is_copy = measure_similarity(sets, pairs) >= MIN_SIMILARITY
    bands = make_bands(sets)
    shared = (bands[::2] == bands[1::2]).any(axis=1)
    assert is_copy.sum() > 200
    assert shared[is_copy].all()
    assert len(np.unique(bands[::2])) == 400 * BANDS


def test_a_text_longer_than_what_is_worked_on_at_once_has_the_same_bands_in_any_company():
    texts = [ARTICLE, *(" ".join(f"t{k}w{n}" for n in range(9000)) for k in range(9)), HEADLINE]
    sets = shingle(*texts)
    together = make_bands(sets)
    assert together.shape == (11, BANDS)
    for place in (0, 5, 10):
        assert make_bands(ShingleSets.join([sets[place]])).tolist() == [together[place].tolist()]


def test_no_texts_have_no_bands():
    assert make_bands(shingle()).shape == (0, BANDS)


@pytest.mark.parametrize(
    ("keys", "rows", "first_new", "pairs", "kept", "cut"),
    [
        pytest.param([], [], 0, [], [], 0, id="nothing"),
        pytest.param([7, 8, 9], [1, 2, 3], 2, [], [True] * 3, 0, id="nothing in common"),
        pytest.param([7, 7, 7], [1, 2, 3], 3, [[3, 1], [3, 2]], [True] * 3, 0, id="older texts are not compared again"),
        pytest.param([7, 7, 7], [3, 1, 2], 2, [[2, 1], [3, 1], [3, 2]], [True] * 3, 0, id="in any order"),
        pytest.param([7, 7, 8, 8], [1, 2, 1, 2], 2, [[2, 1]], [True] * 4, 0, id="each pair once"),
        pytest.param(
            [7] * 5,
            [1, 2, 3, 4, 5],
            3,
            [[3, 1], [3, 2], [4, 1], [4, 2], [5, 1], [5, 2]],
            [True, True, False, False, False],
            1,
            id="a full bucket: only its oldest",
        ),
    ],
)
def test_candidates_are_new_texts_with_earlier_ones_of_the_same_bucket(keys, rows, first_new, pairs, kept, cut):
    found = find_candidates(
        np.array(keys, dtype=np.int64), np.array(rows, dtype=np.int64), first_new=first_new, max_bucket=2 if cut else 9
    )
    assert found.pairs.tolist() == pairs
    assert found.is_kept.tolist() == kept
    assert found.cut == cut


@pytest.mark.parametrize(
    ("one", "other", "similarity"),
    [
        pytest.param({1, 2, 3}, {1, 2, 3}, 1.0, id="equal"),
        pytest.param({1, 2, 3, 4}, {1, 2, 3, 4, 5}, 0.8, id="just a copy"),
        pytest.param(set(range(10)), set(range(1, 11)), 9 / 11, id="one of ten replaced"),
        pytest.param({1, 2, 3, 4}, {5, 6, 7, 8}, 0.0, id="nothing in common"),
        pytest.param({1, 2, 3}, {1, 2, 3, 4, 5}, 0.0, id="sizes too far apart to look"),
        pytest.param({0, 2**32 - 1}, {0, 2**32 - 1}, 1.0, id="the least and the greatest shingle"),
        pytest.param(set(), set(), 0.0, id="two empty ones"),
        pytest.param(set(), {1}, 0.0, id="an empty one"),
    ],
)
def test_similarity_is_what_is_shared_of_all(one, other, similarity):
    sets = make_sets({9}, one, set(), other)
    assert measure_similarity(sets, make_pairs((1, 3), (3, 1))) == pytest.approx([similarity] * 2)


def test_many_pairs_are_measured_as_few_are():
    sets = make_sets(*({n, n + 1, n + 2, n + 3, n + 4, n // 2 + 10**6} for n in range(3000)))
    pairs = make_pairs(*((n, n) for n in range(3000)), (0, 1))
    assert measure_similarity(sets, pairs).tolist() == [1.0] * 3000 + [5 / 7]


@pytest.mark.parametrize(
    ("clusters", "pairs", "merged"),
    [
        pytest.param({}, [], {}, id="nothing"),
        pytest.param({1: 1, 2: 2}, [(2, 1)], {1: 1, 2: 1}, id="the older one stays"),
        pytest.param({3: 1, 9: 9}, [(9, 3)], {1: 1, 9: 1}, id="a copy of a member joins its cluster"),
        pytest.param({2: 2, 5: 4, 9: 9}, [(9, 5), (9, 2)], {2: 2, 4: 2, 9: 2}, id="a bridge makes two clusters one"),
        pytest.param({n: n for n in range(6)}, [(5, 4), (4, 3), (2, 1)], {0: 0, 1: 1, 2: 1, 3: 3, 4: 3, 5: 3}, id="chains"),
        pytest.param({1: 1, 2: 1}, [(2, 1)], {1: 1}, id="one cluster already"),
    ],
)
def test_clusters_that_copies_connect_become_one(clusters, pairs, merged):
    assert merge_clusters(clusters, pairs) == merged

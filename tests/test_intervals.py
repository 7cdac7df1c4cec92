from itertools import product

import numpy as np
import pytest

from tf_ner import bootstrap_interval, paired_test, score_entities, score_tags
from tf_ner.evaluation import intervals

TAGS = ("O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC")
MEASURES = ("precision", "recall", "f1")


def random_tags(chance, num_sentences, num_words=8):
    return chance.choice(TAGS, size=(num_sentences, num_words)).tolist()


def with_noise(chance, rows, share):
    """The same tags, so many of them replaced by others."""
    is_noise = chance.random((len(rows), len(rows[0]))) < share
    return np.where(is_noise, chance.choice(TAGS, size=is_noise.shape), rows).tolist()


@pytest.fixture(scope="module")
def systems():
    """Gold tags, a system, and one that is a little better."""
    chance = np.random.default_rng(1)
    gold = random_tags(chance, 200)
    return gold, with_noise(chance, gold, 0.2), with_noise(chance, gold, 0.17)


@pytest.fixture(scope="module")
def drawn():
    """Numbers of sentences, resampled a few hundred times."""
    return np.random.default_rng(2).integers(200, size=(300, 200))


@pytest.fixture(scope="module")
def resampled(systems, drawn):
    """How entities are scored then, for each of the two systems."""
    gold, *pair = systems
    return [[score_entities([gold[i] for i in row], [tags[i] for i in row]) for row in drawn] for tags in pair]


@pytest.mark.parametrize(("entities", "score"), [(True, score_entities), (False, score_tags)])
def test_the_interval_is_that_of_scoring_resampled_sentences(systems, drawn, resampled, entities, score):
    gold, predicted, _ = systems
    scores = resampled[0]
    if not entities:
        scores = [score([gold[i] for i in row], [predicted[i] for i in row]) for row in drawn]
    found = bootstrap_interval(gold, predicted, entities=entities, num_resamples=20000)
    names = MEASURES if entities else ("accuracy",)
    assert found.keys() == {"level", "resamples", *names}
    assert (found["level"], found["resamples"]) == (0.95, 20000)
    for name in names:
        expected = np.quantile([row[name] for row in scores], [0.025, 0.975])
        assert found[name] == pytest.approx(expected, abs=0.008)
        assert found[name][0] < score(gold, predicted)[name] < found[name][1]


def test_a_tiny_case_by_all_its_resamples():
    """Four sentences, one of which is wrong: 256 resamples, among which it comes never, once, up to four times."""
    gold = [["NN"]] * 4
    predicted = [["NN"]] * 3 + [["VB"]]
    all_of_them = [sum(i < 3 for i in drawn) / 4 for drawn in product(range(4), repeat=4)]
    expected = np.quantile(all_of_them, [0.025, 0.975]).tolist()
    assert expected == [0.25, 1.0]
    assert bootstrap_interval(gold, predicted, entities=False, num_resamples=20000)["accuracy"] == expected


def test_a_seed_repeats_and_another_differs(systems):
    gold, first, second = systems
    assert bootstrap_interval(gold, first, seed=1) == bootstrap_interval(gold, first, seed=1)
    assert bootstrap_interval(gold, first, seed=1) != bootstrap_interval(gold, first, seed=2)
    assert paired_test(gold, first, second, seed=1) == paired_test(gold, first, second, seed=1)
    assert paired_test(gold, first, second, seed=1)["interval"] != paired_test(gold, first, second, seed=2)["interval"]


def test_drawing_in_parts_changes_nothing(systems, monkeypatch):
    whole = paired_test(*systems)
    monkeypatch.setattr(intervals, "_NUM_DRAWN", 7 * 50)
    assert paired_test(*systems) == whole


@pytest.mark.parametrize("entities", [True, False])
def test_nothing_to_score_is_sure_to_be_nothing(entities):
    names = MEASURES if entities else ("accuracy",)
    for rows in ([], [[]]):
        found = bootstrap_interval(rows, rows, entities=entities)
        assert {name: found[name] for name in names} == {name: [0.0, 0.0] for name in names}
        assert paired_test(rows, rows, rows, entities=entities)["p"] == 1.0


@pytest.mark.parametrize("entities", [True, False])
def test_equal_systems_do_not_differ(systems, entities):
    gold, predicted, _ = systems
    found = paired_test(gold, predicted, predicted, entities=entities)
    assert found["p"] == 1.0
    for name in MEASURES if entities else ("accuracy",):
        assert (found[name], found["interval"][name]) == (0.0, [0.0, 0.0])


def test_the_difference_and_its_interval_are_those_of_the_scores(systems, resampled):
    gold, first, second = systems
    found = paired_test(gold, first, second, num_resamples=20000)
    scores = [score_entities(gold, tags) for tags in (first, second)]
    for name in MEASURES:
        assert found[name] == pytest.approx(scores[1][name] - scores[0][name])
        differences = [other[name] - one[name] for one, other in zip(*resampled, strict=True)]
        expected = np.quantile(differences, [0.025, 0.975])
        assert found["interval"][name] == pytest.approx(expected, abs=0.008)


@pytest.mark.parametrize(("entities", "measure"), [(True, "f1"), (False, "accuracy")])
@pytest.mark.parametrize("seed", range(4))
def test_p_is_the_share_of_all_swaps(entities, measure, seed):
    """Nine sentences have 512 swaps, few enough to try each."""
    chance = np.random.default_rng(seed)
    gold = random_tags(chance, 9, 5)
    pair = [with_noise(chance, gold, share) for share in (0.1, 0.1 + 0.2 * seed)]
    score = score_entities if entities else score_tags

    def difference(swaps):
        systems = [[pair[swap ^ number][row] for row, swap in enumerate(swaps)] for number in (0, 1)]
        first, second = (score(gold, tags)[measure] for tags in systems)
        return abs(first - second)

    observed = difference([0] * 9)
    exact = np.mean([difference(swaps) >= observed - 1e-12 for swaps in product((0, 1), repeat=9)])
    found = paired_test(gold, *pair, entities=entities, num_resamples=20000)
    assert found["p"] == pytest.approx(exact, abs=0.015)


def test_equal_counts_in_other_places_are_no_difference():
    """The two are wrong in different sentences, and so no swap makes them differ less."""
    gold = [["B-X"], ["B-X"]]
    assert paired_test(gold, [["B-X"], ["O"]], [["O"], ["B-X"]])["p"] == 1.0


def test_a_better_system_has_the_least_p(systems):
    gold, _, _ = systems
    bad = with_noise(np.random.default_rng(4), gold, 0.9)
    found = paired_test(gold, bad, gold, num_resamples=500)
    assert found["p"] == 1 / 501
    assert found["interval"]["f1"][0] > 0
    reverse = paired_test(gold, gold, bad, num_resamples=500)
    assert reverse["p"] == 1 / 501
    assert reverse["f1"] == -found["f1"]


def test_chance_finds_differences_as_often_as_it_says():
    """Two systems with the same share of noise: p below 0.1 in a tenth of the trials; intervals hold 0 in 95 %."""
    chance = np.random.default_rng(5)
    ps, holds_zero = [], []
    for _ in range(300):
        gold = random_tags(chance, 40)
        pair = [with_noise(chance, gold, 0.3) for _ in range(2)]
        found = paired_test(gold, *pair, num_resamples=199)
        ps.append(found["p"])
        low, high = found["interval"]["f1"]
        holds_zero.append(low <= 0 <= high)
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        # Three standard errors of 300 trials.
        assert np.mean(np.array(ps) <= share) == pytest.approx(share, abs=3 * (share * (1 - share) / 300) ** 0.5)
    assert 0.90 <= np.mean(holds_zero) <= 0.98


@pytest.mark.parametrize("entities", [True, False])
def test_shapes_must_agree(entities):
    with pytest.raises(ValueError, match="differ in number"):
        bootstrap_interval([["O", "O"]], [["O"]], entities=entities)
    with pytest.raises(ValueError, match="differ in number"):
        paired_test([["O"]], [["O"]], [["O"], ["O"]], entities=entities)

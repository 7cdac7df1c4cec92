"""What is dropped: as much as the rate says, and the same on every device."""

import numpy as np
import pytest
import tensorflow as tf

from tf_ner.models.dropout import drawing_from, drop, fold_in, seed_of_step

SEED = np.array([3, 4], np.int32)


@pytest.fixture(autouse=True, params=["philox", "hash"])
def generator(request):
    with drawing_from(request.param):
        yield


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_as_much_is_dropped_as_the_rate_says(rate):
    values = np.random.default_rng(0).uniform(1, 2, [40, 50, 101]).astype(np.float32)
    dropped = drop(tf.constant(values), rate, SEED).numpy()
    is_dropped = dropped == 0
    # Four standard deviations.
    assert is_dropped.mean() == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / values.size))
    np.testing.assert_allclose(dropped[~is_dropped], values[~is_dropped] / (1 - rate), rtol=1e-4)
    # Neighbours, which come from one draw, know nothing of each other.
    flat = is_dropped.reshape(-1)[: values.size // 2 * 2].reshape(-1, 2)
    assert abs(np.corrcoef(flat.T)[0, 1]) < 0.01
    for step in ([1, 0], [0, 1], [1, 1], [1, -1], [2**16, 0], [0, 2**30]):
        other = drop(tf.constant(values), rate, SEED + np.array(step, np.int32)).numpy() == 0
        assert abs(np.corrcoef(is_dropped.reshape(-1), other.reshape(-1))[0, 1]) < 0.01
    # Nor by another seed, at the same place or further on.
    for difference in ([1, 0], [0, 1]):
        other = drop(tf.constant(values), rate, SEED + np.array(difference, np.int32)).numpy().reshape(-1) == 0
        for shift in (1, 2, 8):
            assert abs(np.corrcoef(is_dropped.reshape(-1)[shift:], other[:-shift])[0, 1]) < 0.01
    # Of rows and columns as much as of single values: the spread of their shares is that of independent draws.
    for axis in range(3):
        shares = is_dropped.mean(axis=axis)
        assert shares.var() == pytest.approx(rate * (1 - rate) / values.shape[axis], rel=0.15)


@pytest.mark.parametrize("shape", [[], [1], [7], [3, 5], [2, 4, 8]])
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_xla_drops_the_same(shape, dtype):
    values = tf.ones(shape, dtype)
    by_xla = tf.function(drop, jit_compile=True)(values, 0.3, SEED)
    assert by_xla.dtype == dtype
    assert by_xla.shape == values.shape
    np.testing.assert_array_equal(*(tf.cast(dropped, tf.float32) for dropped in (by_xla, drop(values, 0.3, SEED))))


def test_a_rate_of_nearly_one_is_none_of_more():
    assert np.count_nonzero(drop(tf.ones([100_000]), 1 - 1e-9, SEED)) < 20


@pytest.mark.parametrize("seed", [0, 42, 2**31 - 1, 2**31, 2**32 - 1])
def test_xla_draws_from_the_same_seeds(seed):
    def seeds(step, replica):
        of_step = seed_of_step(seed, step, replica)
        folded = [fold_in(of_step, number) for number in (0, 7, -1)]
        return tf.stack([of_step, *folded, *(fold_in(each, 1) for each in folded)])

    of_all = []
    for step, replica in ((0, 0), (0, 1), (1, 0), (99_999, 7)):
        numbers = tf.constant(step), tf.constant(replica)
        by_xla = tf.function(seeds, jit_compile=True, autograph=False)(*numbers)
        np.testing.assert_array_equal(by_xla, seeds(*numbers))
        of_all += map(tuple, by_xla.numpy().tolist())
    assert len(set(of_all)) == len(of_all)


def test_each_seed_of_a_training_is_another_one():
    found = {tuple(seed_of_step(seed, tf.constant(3), 0).numpy()) for seed in (0, 1, 2**31, 2**31 + 1, 2**32 - 1)}
    assert len(found) == 5

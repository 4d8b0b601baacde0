"""Filters: what they leave out is not missed, and the bytes that they save are counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar import simulate
from dlpar.parameter_server.filters import (
    DIGEST,
    KeyCache,
    from_16_bits,
    kkt_filter,
    kkt_violation,
    random_skip,
    to_16_bits,
)
from dlpar.world import Status


def push_all(comm, lists, values):
    cache = KeyCache()
    if comm.rank == 0:
        for keys, of in zip(lists, values, strict=True):
            comm.Send(cache.pack(keys, of), dest=1)
        return None
    got, inbox, status = [], np.empty(4096, np.uint8), Status()
    for _ in lists:
        comm.Recv(inbox, source=0, status=status)
        got.append(cache.unpack(inbox[: status.Get_count()], values[0].dtype))
    return got


@pytest.mark.parametrize(("dtype", "share"), [(np.float64, 2), (np.float32, 3), (np.float16, 5)])
def test_a_known_list_of_keys_costs_its_hash(dtype, share):
    rng, m = np.random.default_rng(0), 200
    keys = np.sort(rng.choice(10**6, m, replace=False))
    values = [rng.normal(size=m).astype(dtype) for _ in range(3)]
    out = simulate(push_all, 2, ([keys] * 3, values))
    for (got, of), sent in zip(out.results[1], values, strict=True):
        np.testing.assert_array_equal(got, keys)
        np.testing.assert_array_equal(of, sent)
    size = np.dtype(dtype).itemsize
    first, *again = [message.nbytes for message in out.trace.messages]
    assert first == 1 + m * (8 + size)
    assert again == [1 + DIGEST + m * size] * 2
    assert (first - 1) / (again[0] - 1 - DIGEST) == share  # a half with 8 bytes each


@given(
    lists=st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=8),
    seed=st.integers(0, 99),
)
def test_lists_come_back_whatever_was_sent_before(lists, seed):
    rng, sender, receiver = np.random.default_rng(seed), KeyCache(), KeyCache()
    for keys in lists:
        values = rng.normal(size=len(keys))
        got, of = receiver.unpack(sender.pack(keys, values), np.float64)
        np.testing.assert_array_equal(got, keys)
        np.testing.assert_array_equal(of, values)


def test_a_hash_of_keys_that_never_came_is_told():
    sender = KeyCache()
    sender.pack([1, 2], np.ones(2))
    with pytest.raises(KeyError):
        KeyCache().unpack(sender.pack([1, 2], np.ones(2)), np.float64)
    with pytest.raises(ValueError, match="keys and values"):
        sender.pack([1, 2], np.ones(3))


LAM = 0.1


def sparse_regression():
    """Return A, y of which 8 of 60 weights explain y: 0.5 |A w - y|^2 / m + LAM |w|_1."""
    rng = np.random.default_rng(4)
    a = rng.normal(size=(120, 60))
    truth = np.zeros(60)
    truth[:8] = rng.normal(size=8) * 2
    return a, a @ truth + 0.05 * rng.normal(size=120)


def descend(delta, steps=400):
    """Proximal gradient descent in which a worker sends what the filter leaves; count it."""
    a, y = sparse_regression()
    w, lr, sent, dropped = np.zeros(60), 0.3, 0, np.zeros(60, bool)
    for _ in range(steps):
        g = a.T @ (a @ w - y) / len(y)
        kept = np.arange(60) if delta is None else kkt_filter(w, g, delta)
        dropped = ~np.isin(np.arange(60), kept)
        sent += kept.size
        step = w[kept] - lr * g[kept]
        w[kept] = np.sign(step) * np.maximum(np.abs(step) - lr * LAM, 0)
    return w, a.T @ (a @ w - y) / len(y), sent, dropped


def test_what_the_kkt_filter_drops_does_not_break_the_optimum():
    w, g, sent, dropped = descend(0.9 * LAM)
    everything, _, all_sent, _ = descend(None)
    assert all_sent == 400 * 60
    assert sent < 0.4 * all_sent
    assert dropped.sum() > 30
    assert kkt_violation(w, g, LAM)[dropped].max() == 0
    assert kkt_violation(w, g, LAM).max() < 1e-9
    np.testing.assert_allclose(w, everything, atol=1e-9)


def test_a_filter_that_drops_too_much_breaks_it():
    w, g, _, _ = descend(3 * LAM)
    assert kkt_violation(w, g, LAM).max() > LAM / 4  # a weight that should have grown


def test_the_kkt_conditions_by_hand():
    w = np.array([0.0, 0.0, 1.0, -1.0, 2.0])
    g = np.array([0.05, -0.3, -0.1, 0.1, 0.4])
    np.testing.assert_allclose(kkt_violation(w, g, LAM), [0, 0.2, 0, 0, 0.5])
    np.testing.assert_array_equal(kkt_filter(w, g, 0.05), [1, 2, 3, 4])
    np.testing.assert_array_equal(kkt_filter(w, g, 0.0), [0, 1, 2, 3, 4])


def test_skipped_at_random_the_mean_stays():
    rng, values = np.random.default_rng(0), np.arange(1.0, 41.0)
    total, count, n = np.zeros(40), 0, 4000
    for _ in range(n):
        kept, of = random_skip(values, 0.25, rng)
        total[kept] += of
        count += kept.size
    # One draw's deviation is value * sqrt((1 - keep) / keep); 5 of the mean's for each of 40.
    assert np.all(np.abs(total / n - values) < 5 * values * np.sqrt(3 / n))
    assert count / (40 * n) == pytest.approx(0.25, abs=5 * np.sqrt(0.25 * 0.75 / (40 * n)))
    kept, of = random_skip(values, 1, rng)
    np.testing.assert_array_equal(kept, np.arange(40))
    np.testing.assert_array_equal(of, values)


@given(st.lists(st.floats(-65504, 65504), max_size=20))
def test_16_bits_keep_eleven_digits(numbers):
    values = np.array(numbers, np.float64)
    small = to_16_bits(values)
    assert small.nbytes == 2 * values.size
    back = from_16_bits(small, np.float64)
    # Half a unit in the last of 11 binary digits, of the value rounded to; subnormals: 2**-25.
    assert np.all(np.abs(back - values) <= np.maximum(np.abs(values) * 2.0**-11, 2.0**-25))


def test_what_no_filter_can_do_is_refused():
    for make in (
        lambda: kkt_filter(np.zeros(2), np.zeros(2), -1),
        lambda: random_skip(np.zeros(2), 0, np.random.default_rng()),
        lambda: to_16_bits(np.array([7e4])),
        lambda: to_16_bits(np.array([np.nan])),
    ):
        with pytest.raises(ValueError, match=r"delta|keep|65504"):
            make()

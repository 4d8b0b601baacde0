"""A checkpoint comes back bit for bit, or not at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar.optim import LARS, SGD, Adagrad, Adam, Momentum, PolyakMomentum
from dlpar.resilience.checkpoint import load_state, pack_state, save_state, unpack_state

RULES = {
    "SGD": SGD,
    "Momentum": Momentum,
    "Nesterov": lambda w: Momentum(w, 0.8, nesterov=True),
    "Polyak": PolyakMomentum,
    "Adagrad": Adagrad,
    "Adam": Adam,
    "LARS": lambda w: LARS(w, [slice(0, w.size)]),
}


def steps(params, optimizer, rng, n):
    for _ in range(n):
        optimizer.step(rng.normal(size=params.size).astype(params.dtype), 0.1 + rng.random())


@settings(max_examples=60, deadline=None)
@given(
    rule=st.sampled_from(sorted(RULES)),
    dtype=st.sampled_from([np.float32, np.float64]),
    d=st.sampled_from([1, 7]),
    before=st.integers(0, 3),
    elsewhere=st.integers(0, 2),
    bits=st.sampled_from([np.random.PCG64, np.random.MT19937, np.random.SFC64]),
)
def test_resumed_equals_uninterrupted_bit_for_bit(rule, dtype, d, before, elsewhere, bits):
    params, rng = np.ones(d, dtype), np.random.Generator(bits(4))
    optimizer = RULES[rule](params)
    steps(params, optimizer, rng, before)
    packed = pack_state(params, optimizer, rng, before, losses=[0.5])
    steps(params, optimizer, rng, 3)

    other, its_rng = np.zeros(d, dtype), np.random.Generator(bits(99))
    its_optimizer = RULES[rule](other)
    steps(other, its_optimizer, its_rng, elsewhere)  # it was somewhere else before
    told = unpack_state(packed, other, its_optimizer, its_rng)
    assert told.step == before
    assert told.extra["losses"].tolist() == [0.5]
    steps(other, its_optimizer, its_rng, 3)
    np.testing.assert_array_equal(other, params)
    assert other.dtype == params.dtype


def a_state():
    params, rng = np.arange(1.0, 4.0), np.random.default_rng(1)
    optimizer = Adam(params)
    optimizer.step(np.ones(3), 0.1)
    return params, optimizer, rng


def test_no_flipped_bit_passes_for_another_state():
    params, optimizer, rng = a_state()
    packed = pack_state(params, optimizer, rng, 5)
    for i in range(0, 8 * len(packed), 7):
        damaged = bytearray(packed)
        damaged[i // 8] ^= 1 << i % 8
        here, its_rng = np.zeros(3), np.random.default_rng(2)
        mine = Adam(here)
        try:  # a bit of the container that says nothing, as a date, may pass
            assert unpack_state(bytes(damaged), here, mine, its_rng).step == 5
            np.testing.assert_array_equal(here, params)
            np.testing.assert_array_equal(mine.m, optimizer.m)
        except ValueError:
            assert not here.any()
            assert mine.t == 0
            assert its_rng.bit_generator.state == np.random.default_rng(2).bit_generator.state


def test_a_file_cut_short_anywhere_is_refused():
    packed = pack_state(*a_state())
    for length in range(0, len(packed), 13):
        params, optimizer, rng = a_state()
        with pytest.raises(ValueError, match="damaged"):
            unpack_state(packed[:length], params, optimizer, rng)


@pytest.mark.parametrize(
    ("params", "rule", "rng", "words"),
    [
        (np.zeros(4), Adam, np.random.default_rng(1), "3 parameters of float64, the model 4"),
        (np.zeros(3, np.float32), Adam, np.random.default_rng(1), "the model 3 of float32"),
        (np.zeros(3), Momentum, np.random.default_rng(1), "by Adam, not Momentum"),
        (np.zeros(3), Adam, None, "a generator"),
        (np.zeros(3), Adam, np.random.Generator(np.random.MT19937(1)), "PCG64"),
    ],
)
def test_a_state_of_another_training_is_refused_and_nothing_is_loaded(params, rule, rng, words):
    packed = pack_state(*a_state())
    with pytest.raises(ValueError, match=words):
        unpack_state(packed, params, rule(params), rng)
    assert not params.any()


def test_a_foreign_npz_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", weights=np.ones(3))
    with pytest.raises(ValueError, match="no training state"):
        load_state(tmp_path / "other.npz", np.zeros(3))


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    params, optimizer, rng = a_state()
    path = tmp_path / "state.npz"
    save_state(path, params, optimizer, rng, 1)

    def full(handle):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        save_state(path, params, optimizer, rng, 2)
    assert list(tmp_path.iterdir()) == [path]
    assert load_state(path, params, optimizer, rng).step == 1

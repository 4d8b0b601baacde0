"""Error feedback: nothing is lost, whatever the code, the ranks, a restart or a change of ranks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar import compress as c
from dlpar import simulate
from dlpar.compress.feedback import tell


def dice(seed=0):
    return np.random.default_rng(seed)


CODES = {
    "one_bit": lambda: c.OneBit(16),
    "sign": lambda: c.Sign(),
    "ternary": lambda: c.Ternary(dice(9)),
    "qsgd": lambda: c.QSGD(4, dice(9)),  # a power of two: norm / 4 is exact
    "top_k": lambda: c.TopK(0.1),
    "random_k": lambda: c.RandomK(0.1, dice(9)),
    "bf16": lambda: c.Half(),
    "fp8": lambda: c.FP8(block=16),
}


def grid(n, steps, seed):
    """Gradients whose sums are exact in float64: whole multiples of 1/64, below 16."""
    return dice(seed).integers(-1000, 1001, (steps, n)) / 64


def exactly(values):
    """Return the sum of arrays, with 64 bits of mantissa."""
    return np.sum(np.array(values, np.longdouble), axis=0)


def stream(feedback, gradients):
    return [feedback.decode(feedback.encode(g)) for g in gradients]


@pytest.mark.parametrize("name", CODES)
@settings(deadline=None, max_examples=25)
@given(n=st.integers(0, 70), steps=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_what_was_not_told_is_the_residual_to_the_last_bit(name, n, steps, seed):
    feedback = c.ErrorFeedback(CODES[name]())
    gradients = grid(n, steps, seed)
    told = stream(feedback, gradients)
    np.testing.assert_array_equal(exactly(gradients) - exactly(told), feedback.residual)


def broken(rule, gradients):
    """Run a stream with a mutant of ErrorFeedback; return (truth - told, residual)."""
    code, residual, told = c.OneBit(16), np.zeros(gradients.shape[1]), []
    for t, g in enumerate(gradients):
        v = g + residual
        told.append(code.decode(code.encode(v)))
        residual = {"literal": g, "restart": v, "shared": v}[rule] - told[-1]
        if rule == "restart" and t == 2:
            residual = np.zeros_like(residual)
        if rule == "shared":  # another layer writes to the same residual
            _, residual = tell(code, g[::-1].copy(), residual)
    return exactly(gradients) - exactly(told), residual


@pytest.mark.parametrize("rule", ["literal", "restart", "shared"])
def test_the_telescope_sees_a_literal_residual_one_that_restarts_and_one_that_is_shared(rule):
    missing, residual = broken(rule, grid(40, 6, 3))
    assert np.abs(missing - residual).max() > 0.1


@pytest.mark.parametrize("name", CODES)
def test_a_restart_from_a_checkpoint_changes_no_bit(name, tmp_path):
    gradients = grid(50, 8, 1)
    straight = c.ErrorFeedback(CODES[name]())
    expected = stream(straight, gradients)
    first = c.ErrorFeedback(CODES[name]())
    stream(first, gradients[:4])
    np.savez(tmp_path / "state.npz", **first.state())
    again = c.ErrorFeedback(first.compressor)  # dice are saved with the run's other dice
    with np.load(tmp_path / "state.npz") as state:
        again.restore(state)
    np.testing.assert_array_equal(stream(again, gradients[4:]), expected[4:])
    if name not in ("ternary", "qsgd", "random_k"):
        forgetful = c.ErrorFeedback(first.compressor)
        assert not np.array_equal(stream(forgetful, gradients[4:]), expected[4:])


def test_a_state_is_a_copy_and_before_the_first_vector_it_is_empty():
    feedback = c.ErrorFeedback(c.OneBit())
    assert feedback.state() == {}
    feedback.restore({})
    feedback.encode(grid(9, 1, 0)[0])
    state = feedback.state()
    state["residual"][:] = 99
    assert np.abs(feedback.residual).max() < 99


@given(n=st.integers(0, 50), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=25)
def test_who_takes_over_a_residual_tells_it_later(n, seed):
    gradients = grid(n, 8, seed)
    leaves, stays = c.ErrorFeedback(c.TopK(0.2)), c.ErrorFeedback(c.TopK(0.2))
    told = stream(leaves, gradients[:3]) + stream(stays, gradients[3:5])
    stays.take_over(leaves.state())
    told += stream(stays, gradients[5:])
    np.testing.assert_array_equal(exactly(gradients) - exactly(told), stays.residual)


def test_a_refused_vector_leaves_the_residual_as_it_was():
    feedback = c.ErrorFeedback(c.OneBit())
    feedback.encode(np.array([1.0, 2.0, -4.0]))
    before = feedback.residual.copy()
    with pytest.raises(ValueError, match="NaN"):
        feedback.encode(np.array([np.nan, 0, 0]))
    np.testing.assert_array_equal(feedback.residual, before)
    for other in (np.zeros(4), np.zeros(3, np.float32)):
        with pytest.raises(ValueError, match="each layer and rank has its own"):
            feedback.encode(other)


def test_the_printed_residual_is_not_the_right_one():
    """DOSSIER's case, 8 columns of 64, 400 steps of noise: right, as printed, without."""
    gradients = dice(0).normal(size=(400, 8 * 64))
    off = {}
    for rule in ("right", "printed", "none"):
        missing, residual = c.telescope(gradients, c.OneBit(64), rule)
        off[rule] = np.abs(missing).max()
        if rule == "right":  # 400 steps of float64 roundings of numbers below 64
            np.testing.assert_allclose(missing, residual, rtol=0, atol=1200 * 64 * 2**-53)
    assert off["right"] < 6
    assert off["printed"] > 4 * off["right"]
    assert off["none"] > off["printed"]
    with pytest.raises(ValueError, match="rule"):
        c.telescope(gradients, c.OneBit(64), "wrong")
    with pytest.raises(ValueError, match="at least one"):
        c.telescope([], c.OneBit(64))


EXCHANGES = {
    "gather": lambda n, rank: c.GatherExchange(c.TopK(0.1)),
    "gather random": lambda n, rank: c.GatherExchange(c.RandomK(0.2, dice(rank))),
    "gather sign": lambda n, rank: c.GatherExchange(c.Sign()),
    "one bit": lambda n, rank: c.OneBitExchange(7),
    "dgc": lambda n, rank: c.DGC(0.1, mu=0.0),  # without momentum v is a plain residual
}


def some_steps(comm, make, gradients, states=None):
    exchange = make(gradients.shape[2], comm.rank)
    if states is not None:
        mine = states[comm.rank :: comm.size]
        exchange.restore(*((comm, *mine) if isinstance(exchange, c.OneBitExchange) else mine))
    told = [exchange(g[comm.rank].copy(), comm) for g in gradients]
    return told, exchange.state()


def owed(states):
    kept = [s[k] for s in states for k in ("residual", "worker", "owner", "v") if k in s]
    return exactly(kept) if kept else 0


@pytest.mark.parametrize("name", EXCHANGES)
@settings(deadline=None, max_examples=15)
@given(p=st.integers(1, 5), q=st.integers(1, 5), n=st.integers(0, 70), seed=st.integers(0, 9999))
def test_exchanges_telescope_over_ranks_and_when_ranks_come_and_go(name, p, q, n, seed):
    """Truth less told is what all ranks owe, with p ranks and then, after a checkpoint, with q."""
    gradients = dice(seed).integers(-1000, 1001, (6, 5, n)) / 64
    first = simulate(some_steps, p, (EXCHANGES[name], gradients[:3])).results
    truth, told = gradients[:3, :p].sum(axis=(0, 1), dtype=np.longdouble), exactly(first[0][0])
    states = [state for _, state in first]
    np.testing.assert_array_equal(truth - told, owed(states) + np.zeros(n))
    padded = states + [{"calls": np.array(3)}] * (q - p)
    second = simulate(some_steps, q, (EXCHANGES[name], gradients[3:], padded)).results
    truth, told = truth + gradients[3:, :q].sum(axis=(0, 1)), told + exactly(second[0][0])
    np.testing.assert_array_equal(truth - told, owed([s for _, s in second]) + np.zeros(n))


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_same_ranks_go_on_from_a_checkpoint_as_if_nothing_had_been(name):
    if name == "gather random":
        return  # its dice are not part of the state
    gradients = dice(1).normal(size=(6, 3, 50))
    straight = simulate(some_steps, 3, (EXCHANGES[name], gradients)).results[0][0]
    first = simulate(some_steps, 3, (EXCHANGES[name], gradients[:3])).results
    states = [state for _, state in first]
    again = simulate(some_steps, 3, (EXCHANGES[name], gradients[3:], states)).results[0][0]
    np.testing.assert_array_equal(again, straight[3:])

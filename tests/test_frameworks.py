"""The survey's systems: each shows the one thing that it is known for."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar import simulate
from dlpar.compress import columns_of, one_bit_exchange_bytes
from dlpar.data_parallel import descend_together
from dlpar.frameworks import bounded_delay, cntk
from dlpar.frameworks.caffe_mpi import caffe_mpi, read_ahead
from dlpar.frameworks.platoon import platoon
from dlpar.frameworks.project_adam import (
    crossover_images,
    delta_bytes,
    epoch_until,
    lost_updates,
    receive_products,
    send_vectors,
    vector_bytes,
)
from dlpar.frameworks.sparknet import (
    crossover_exchange,
    naive_seconds,
    serial_seconds,
    sparknet,
    sparknet_seconds,
)
from dlpar.nn import mlp
from dlpar.world import Network

SIZES = (5, 6, 3)
RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(48, SIZES[0])), RNG.integers(0, SIZES[-1], 48)
N = 8 * (5 * 6 + 6 + 6 * 3 + 3)  # bytes of the gradient


def fresh():
    return mlp(SIZES, np.random.default_rng(0), dtype=np.float64)


def shared(comm):
    return np.array_split(np.arange(48), comm.size)[comm.rank]


# ---------------------------------------------------------------- SparkNet


def test_sparknet_with_tau_1_is_the_synchronous_large_batch():
    def program(comm):
        mine = shared(comm)
        rng = np.random.default_rng(comm.rank)
        return sparknet(fresh(), X[mine], Y[mine], len(mine), 1, 5, 0.2, comm, rng)

    def together(comm):
        model = fresh()
        list(descend_together(model, X, Y, 48, 5, 0.2, comm, None))
        return model.params

    one, other = (simulate(f, 4).results[0] for f in (program, together))
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("steps", "rounds", "tau", "workers"), [(1000, 30, 50, 5), (400, 90, 5, 3)]
)
def test_at_the_crossover_both_ways_take_the_same_time(steps, rounds, tau, workers):
    c = 0.3
    s = crossover_exchange(steps, rounds, tau, c, workers)
    split, apart = (naive_seconds(steps, c, s, workers), sparknet_seconds(rounds, tau, c, s))
    assert split == pytest.approx(apart)
    more = 1.1 * s
    assert sparknet_seconds(rounds, tau, c, more) < naive_seconds(steps, c, more, workers)
    assert serial_seconds(steps, c) == pytest.approx(naive_seconds(steps, c, 0, 1))
    with pytest.raises(ValueError, match="no less often"):
        crossover_exchange(10, 10, tau, c, workers)


# --------------------------------------------------------------- Caffe-MPI


@pytest.mark.parametrize("p", [2, 4, 8])
def test_the_masters_bytes_grow_with_p_and_the_rings_do_not(p):
    def program(comm, exchange):
        return list(caffe_mpi(fresh(), X, Y, 48, 3, 0.2, comm, None, exchange))

    master = simulate(program, p, ("master",)).trace
    into = sum(m.nbytes for m in master.messages if m.dest == 0)
    assert into + master.bytes_sent[0] == 3 * 2 * (p - 1) * N
    ring = simulate(program, p, ("ring",)).trace
    assert ring.bytes_sent.sum() == 3 * 2 * (p - 1) * N
    assert ring.bytes_sent.max() <= 3 * 2 * (p - 1) * (N // p + 8)
    with pytest.raises(ValueError, match="master, ring"):
        simulate(program, p, ("tree",))


@pytest.mark.parametrize(("read", "train"), [(1.0, 3.0), (3.0, 1.0)])
def test_reading_ahead_hides_the_shorter_of_the_two(read, train):
    net = Network(alpha=0.0, beta=0.0)
    hidden = simulate(read_ahead, 2, (20, read, train), net).time
    waited = simulate(read_ahead, 2, (20, read, train, 0, False), net).time
    assert waited == pytest.approx(20 * (read + train))
    assert hidden == pytest.approx(20 * max(read, train) + min(read, train))


# ----------------------------------------------------------------- Platoon


def visit(comm, tau, mu, steps=40, lr=0.2):
    model, mine = fresh(), shared(comm)
    rng = np.random.default_rng(comm.rank)

    def local(rng):
        some = rng.choice(mine, 4, replace=False)
        return X[some], Y[some]

    return platoon(model, local, steps, tau, lr, comm, rng, mu=mu), model.params


@pytest.mark.parametrize("tau", [1, 4, 16])
def test_platoons_bytes_are_those_of_its_visits(tau):
    out = simulate(visit, 4, (tau, 0.0))
    visits = 3 * math.ceil(40 / tau)
    assert out.results[0][0] == visits
    assert out.trace.bytes_sent.sum() == visits * 2 * N


@pytest.mark.parametrize("mu", [0.0, 0.5])
def test_the_centre_learns(mu):
    model = fresh()
    before = model.loss(X, Y)
    model.params[:] = simulate(visit, 4, (4, mu, 80, 0.1)).results[0][1]
    assert model.loss(X, Y) < 0.8 * before


def test_a_controller_alone_has_nobody_to_serve():
    with pytest.raises(ValueError, match="2 ranks"):
        simulate(visit, 1, (1, 0.0))


# -------------------------------------------------------------------- CNTK


def learn(comm, learner, updates=16, period=8):
    cntk.train(fresh(), X, Y, 12, updates, 0.1, comm, np.random.default_rng(0), learner, period)


def test_bytes_tell_cntks_learners_apart():
    p, updates, period = 4, 16, 8
    sent = {name: simulate(learn, p, (name,)).trace.bytes_sent.sum() for name in cntk.LEARNERS}
    ring = 2 * (p - 1)
    assert sent["DataParallelSGD"] == updates * ring * N
    blocks = updates // period * ring * (N + 8)  # and the weight of a mean
    assert sent["ModelAveragingSGD"] == sent["BlockMomentumSGD"] == blocks
    head = 8 * (2 + 2 + 1 + p - 1)  # of a pull, a push and a reply
    assert sent["DataParallelASGD"] == updates * (p - 1) * (2 * N + head)


def test_cntks_one_bit_begins_after_the_samples_it_is_told():
    def program(comm, bits, after):
        model = fresh()
        cntk.train(
            model,
            *(X, Y, 12, 6, 0.1, comm, np.random.default_rng(0), "DataParallelSGD"),
            bits=bits,
            distributed_after=after,
        )
        return model.params

    p = 4
    floats, one, late, never = (
        simulate(program, p, args) for args in ((32, 0), (1, 0), (1, 36), (1, 72))
    )
    bits = one_bit_exchange_bytes(N // 8, p, columns_of(fresh())[0])
    assert one.trace.bytes_sent.tolist() == [6 * b for b in bits]
    assert late.trace.bytes_sent.sum() == 3 * sum(bits) + floats.trace.bytes_sent.sum() // 2
    np.testing.assert_array_equal(never.results[0], floats.results[0])


def test_cntk_refuses_what_it_does_not_know():
    for args in (("Hogwild",), ("ModelAveragingSGD", 10)):
        with pytest.raises(ValueError, match=r"must be one of|must divide"):
            simulate(learn, 2, args)


def test_the_time_constant_does_not_depend_on_the_block_size():
    assert cntk.block_momentum(100, 1000) ** 2 == pytest.approx(cntk.block_momentum(200, 1000))
    with pytest.raises(ValueError, match="above 0"):
        cntk.block_momentum(1, 0)


# ------------------------------------------------------------ Project Adam


@given(k=st.integers(1, 9), m=st.integers(1, 12), n=st.integers(1, 12))
def test_vectors_are_fewer_bytes_below_the_crossover_and_the_server_gets_the_same(k, m, n):
    rng = np.random.default_rng(k)
    x, dy = rng.normal(size=(3, k, m)), rng.normal(size=(3, k, n))

    def program(comm):
        if comm.rank == 0:
            return receive_products(k, m, n, comm, float)
        send_vectors(x[comm.rank - 1], dy[comm.rank - 1], comm)
        return None

    out = simulate(program, 4)
    np.testing.assert_allclose(out.results[0], np.einsum("wki,wkj->ij", x, dy), atol=1e-12)
    np.testing.assert_array_equal(out.trace.bytes_sent[1:], vector_bytes(m, n, k, 8))
    assert (vector_bytes(m, n, k) < delta_bytes(m, n)) == (k < crossover_images(m, n))


def test_the_papers_layers_cross_over_at_thousands_of_images():
    assert crossover_images(4096, 4096) == 2048
    assert round(crossover_images(25088, 4096)) == 3521


@pytest.mark.parametrize("share", [0.25, 0.75, 1.0])
def test_an_epoch_ends_when_enough_workers_have_ended_it(share):
    def program(comm):
        return epoch_until(share, 10, lambda rank: rank**0.9, comm)

    out = simulate(program, 9, network=Network(alpha=0.0, beta=0.0))
    needed = math.ceil(share * 8)
    end = 10 * needed**0.9  # s, when the last that counts is done
    assert out.results[1 : 1 + needed] == [10] * needed
    assert out.results[1 + needed :] == [math.ceil(end / r**0.9) for r in range(1 + needed, 9)]
    with pytest.raises(ValueError, match="share"):
        simulate(lambda comm: epoch_until(0, 1, None, comm), 2)


def test_additions_without_a_lock_are_lost_at_most_and_never_won():
    assert lost_updates(1, 1000, 3, np.random.default_rng(0)) == 0
    assert 0 <= lost_updates(2, 100_000, 1, np.random.default_rng(0)) < 200_000


# ----------------------------------------------------- Li's bounded delay


def test_more_delay_is_less_waiting():
    pace = np.random.default_rng(1).lognormal(0, 0.8, (6, 60))

    def model():
        return mlp(SIZES, np.random.default_rng(0), dtype=np.float64)

    taus, network = [0, 1, 2, 4, math.inf], Network(eager_limit=math.inf)
    labels = X[:, :3].argmax(axis=1)  # something to learn
    delays = bounded_delay.sweep(model, X, labels, 24, 60, 1.0, 1.0, taus, 6, pace, network)
    waiting = [delay.waiting for delay in delays]
    assert waiting == sorted(waiting, reverse=True)
    assert waiting[0] > 0.4
    assert waiting[-1] < 0.02
    assert all(delay.clocks > 0 and delay.seconds > 0 for delay in delays)
    assert delays[2].seconds < delays[0].seconds
    counts = [delay.clocks for delay in delays]  # the price: older weights, more clocks
    assert counts[0] == min(counts)
    assert counts[3] > counts[0]
    (never,) = bounded_delay.sweep(model, X, Y, 24, 10, 1.0, 0.0, [1], 6, pace, network)
    assert never.clocks == -1
    assert never.seconds == math.inf

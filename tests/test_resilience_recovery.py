"""Training goes on without its dead, and ends with the bits of a run that never had them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar import simulate
from dlpar.nn import Linear, Model, ReLU
from dlpar.optim import Adam, Momentum
from dlpar.resilience.recovery import batch_of, descend_through_failures
from dlpar.world import Exit, Faults, Kill

M, B, UPDATES, EVERY = 24, 8, 9, 3
X = np.random.default_rng(1).normal(size=(M, 3))
Y = np.random.default_rng(2).integers(0, 2, M)


def small_model():
    rng = np.random.default_rng(3)
    return Model([Linear(3, 4, rng), ReLU(), Linear(4, 2, rng)], dtype=float)


def train(comm, workers=None, rule=Momentum, updates=UPDATES, start=None, every=EVERY):
    """Return (parameters, Survived) of a small training."""
    model = small_model()
    optimizer = rule(model.params)
    told = descend_through_failures(
        model, X, Y, B, updates, 0.1, comm, 7, workers, every, optimizer=optimizer
    )
    return model.params.copy(), told


def go(ranks, *faults, **more):
    return simulate(
        lambda comm: train(comm, **more), ranks, ulfm=True, faults=Faults(faults), timeout=20
    )


def smaller_world_from(regroups, ranks):
    """Return the parameters of a training whose team's size changes exactly at these steps."""
    sizes = {r.step: len(r.members) for r in regroups}

    def size(t):
        return sizes[max(s for s in sizes if s <= t)]

    assert all(step % EVERY == 0 for step in sizes)
    return go(ranks, workers=size).results[regroups[-1].members[0]][0]


@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("fault", [Kill, Exit])
def test_the_survivors_go_on_as_the_smaller_world_would_have(fault, when):
    out = go(4, fault(2, on="Sendrecv", nth=27, when=when))  # in the fifth update
    assert out.results[2] is None
    regroups = out.results[0][1].regroups
    assert [r.members for r in regroups] == [(0, 1, 2, 3), (0, 1, 3)]
    assert regroups[1].step == 3
    assert regroups[1].redone in (1, 2)
    expected = smaller_world_from(regroups, 4)
    for rank in (0, 1, 3):
        np.testing.assert_array_equal(out.results[rank][0], expected)
        assert sorted(out.results[rank][1].losses) == list(range(UPDATES))


@settings(max_examples=25, deadline=None)
@given(
    deaths=st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(1, 60), st.sampled_from(["before", "during", "after"])
        ),
        min_size=1,
        max_size=2,
        unique_by=lambda d: d[0],
    ),
    rule=st.sampled_from([Momentum, Adam]),
)
def test_whoever_dies_whenever_the_bits_are_those_of_the_smaller_worlds(deaths, rule):
    faults = [Kill(rank, nth=nth, when=when) for rank, nth, when in deaths]
    out = go(4, *faults, rule=rule)
    alive = [r for r in range(4) if r not in {d[0] for d in deaths}]
    regroups = out.results[alive[0]][1].regroups
    for rank in alive:
        params, told = out.results[rank]
        assert told.regroups == regroups
        np.testing.assert_array_equal(params, out.results[alive[0]][0])
    sizes = {r.step: len(r.members) for r in regroups}
    calm = go(4, workers=lambda t: sizes[max(s for s in sizes if s <= t)], rule=rule)
    np.testing.assert_array_equal(calm.results[0][0], out.results[alive[0]][0])


def test_a_hot_spare_takes_the_place_of_the_dead_and_no_bit_changes():
    calm = go(3)
    out = go(4, Kill(1, on="Sendrecv", nth=14), workers=3)
    regroups = out.results[0][1].regroups
    assert [r.members for r in regroups] == [(0, 1, 2), (0, 2, 3)]
    assert out.results[3][1].regroups == regroups[1:]  # it worked from there on
    for rank in (0, 2, 3):
        np.testing.assert_array_equal(out.results[rank][0], calm.results[0][0])


def test_a_spare_may_die_too():
    out = go(4, Kill(3, on="Agree", nth=2, when="before"), workers=3)
    np.testing.assert_array_equal(out.results[0][0], go(3).results[0][0])


def test_a_team_grows_and_shrinks_where_a_snapshot_is_taken_and_makes_no_step_twice():
    out = go(4, workers=lambda t: {0: 2, 3: 4, 6: 3}[t - t % 3])
    regroups = out.results[0][1].regroups
    assert [(r.step, r.members, r.redone) for r in regroups] == [
        (0, (0, 1), 0),
        (3, (0, 1, 2, 3), 0),
        (6, (0, 1, 2), 0),
    ]


def test_if_only_spares_are_left_they_say_so():
    with pytest.raises(RuntimeError, match="only spares are left"):
        go(2, Kill(0, on="work", nth=2), workers=1)


def test_batches_are_a_function_of_seed_and_step():
    epoch = np.concatenate([batch_of(10, 3, 5, t) for t in range(3)])
    assert len(set(epoch.tolist())) == 9
    np.testing.assert_array_equal(batch_of(10, 3, 5, 4), batch_of(10, 3, 5, 4))
    assert batch_of(10, 3, 5, 4).tolist() != batch_of(10, 3, 6, 4).tolist()


@pytest.mark.parametrize("more", [{"every": 0}, {"workers": -1}])
def test_wrong_arguments_are_refused_before_any_message(more):
    with pytest.raises(ValueError, match="must be at least 1"):
        go(2, **more)

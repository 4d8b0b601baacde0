import pytest

from dlpar.collectives import chain_broadcast, ring_allgather, ring_allreduce
from dlpar.collectives.prediction import FOUR, Predicted, Prediction, predict_and_measure
from dlpar.rulers import wall_of
from dlpar.world import Network


def test_the_factor_is_how_far_off_it_is_either_way():
    over, under = (Predicted("f", 8, t, wall_of([1e-3])) for t in (2e-3, 0.25e-3))
    assert (over.factor, under.factor) == pytest.approx((2, 4))
    prediction = Prediction(2, Network(5e-6, 1e-10), 1e-11, (over, under))
    assert prediction.worst == pytest.approx(4)
    title, heads, first, second = repr(prediction).splitlines()
    assert "2 ranks, alpha 5.00 µs, 1/beta 10.0 GB/s, 1/gamma 100 GB/s" in title
    assert heads.split() == ["collective", "size", "predicted", "measured", "factor"]
    assert first.endswith("2.00")
    assert second.endswith("4.00")
    assert "1/gamma 100 GB/s" in prediction._repr_html_()


@pytest.mark.mpi
def test_a_machine_is_measured_and_predicted_in_one_run():
    prediction = predict_and_measure([8, 4096], collectives=[*FOUR, chain_broadcast], repeats=3)
    names = [f.__name__ for f in (*FOUR, chain_broadcast)]
    assert [(line.collective, line.nbytes) for line in prediction.lines] == [
        (name, size) for size in (8, 4096) for name in names
    ]
    assert prediction.network.alpha >= 0
    for line in prediction.lines:
        assert line.measured.repeats == 3
        assert 0 < line.predicted < 1
        assert 1 <= line.factor <= prediction.worst


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (([],), "sizes of at least 4 bytes"),
        (([3],), "sizes of at least 4 bytes"),
        (([8], 1), "2 ranks or more"),
        (([8], 2, [max]), "no formula for max"),
        (([8], 2, [ring_allgather]), "no formula for ring_allgather"),
        (([8], 2, [ring_allreduce], 0), "repeats as an integer"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        predict_and_measure(*arguments)

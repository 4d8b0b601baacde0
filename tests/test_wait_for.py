import numpy as np
import pytest

from dlpar.figures import wait_for
from dlpar.world import Deadlock, simulate


def drawn(program, ranks):
    with pytest.raises(Deadlock) as caught:
        simulate(program, ranks)
    return wait_for(caught.value)


def circle(comm):
    comm.Recv(np.empty(1), source=(comm.rank + 1) % comm.size)


def one_too_few(comm):
    if comm.rank == 0:
        comm.Send(np.zeros(1), dest=1)
    elif comm.rank == 1:
        comm.Recv(np.empty(1), source=0)
        comm.Recv(np.empty(1), source=0, tag=7)


def different(comm):
    comm.Barrier() if comm.rank else comm.Bcast(np.empty(1))


def count(figure, kind):
    return figure.panels[0].markup.count(f'class="{kind}"')


@pytest.mark.parametrize("ranks", [1, 2, 3, 16])
def test_each_wait_is_one_arrow(ranks):
    figure = drawn(circle, ranks)
    assert count(figure, "wait") == ranks
    assert f"rank 0 waits for rank {1 % ranks} to send" in figure.alt


def test_who_has_finished_waits_for_nobody_and_what_happened_stands_below():
    figure = drawn(one_too_few, 2)
    assert count(figure, "wait") == 1
    assert "rank 0 has finished" in figure.alt
    assert "Space-time diagram" in figure._repr_html_()
    assert "Space-time diagram" not in drawn(circle, 2)._repr_html_()


def test_the_words_stand_beside_the_picture_a_line_for_each_rank():
    shown = drawn(circle, 3)._repr_html_()
    for line in ("rank 2 waits for rank 0 to send.", "They wait in a circle: 0 -&gt; 1 -&gt; 2"):
        assert f"<div>{line}" in shown


def test_mismatched_collectives_wait_for_each_other_and_who_has_not_come_is_not_finished():
    figure = drawn(different, 3)
    assert "rank 1 calls Barrier" in figure.alt
    assert "rank 0 waits in Bcast(root=0) for ranks 1, 2" in figure.alt
    assert "finished" not in figure.alt
    assert count(figure, "wait") == 3


def test_a_drawing_nobody_could_read_is_refused():
    with pytest.raises(ValueError, match="at most 16 ranks, the deadlock has 17"):
        drawn(circle, 17)

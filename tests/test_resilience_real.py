"""Cells of the fault matrix on processes that are really killed, stopped and slowed."""

import json
from pathlib import Path

import pytest

from dlpar.resilience import matrix
from dlpar.resilience.matrix import real_cell
from dlpar.world.faults import WHEN

TEXT = (Path(matrix.__file__).parent / "real_matrix.jsonl").read_text()
TABLE = [json.loads(row) for row in TEXT.splitlines()]


# As many as there is time for: each death takes the processes of `run` with it.
AGAIN = [
    ("ring", "Slow", "during"),
    ("ring", "Raise", "before"),
    ("ring", "Kill", "during"),
    ("tree", "Stop", "after"),
    ("parameter server", "Kill", "during"),
    ("parameter server", "Stop", "before"),
    ("data-parallel loop", "Exit", "during"),
]
ROWS = {(r["system"], r["fault"], r["when"]): r for r in TABLE if r["guarded"]}


@pytest.mark.mpi
@pytest.mark.parametrize("place", AGAIN, ids="-".join)
def test_a_real_cell_comes_out_as_the_table_says(place):
    name, kind, when = place
    cell = real_cell(name, True, getattr(matrix, kind), when)
    assert cell.outcome == ROWS[place]["outcome"], cell.words
    if cell.outcome != "named":  # which others wait is told as it was
        assert cell.words == ROWS[place]["words"]


def test_the_table_has_every_cell_and_no_failure_where_systems_are_guarded():
    places = {(r["system"], r["guarded"], r["fault"], r["when"]) for r in TABLE}
    assert len(places) == len(TABLE) == 2 * len(matrix.SYSTEMS) * len(matrix.OF_RANKS) * len(WHEN)
    assert {row["outcome"] for row in ROWS.values()} == {"complete", "partial", "named"}
    assert "WRONG" not in {row["outcome"] for row in TABLE}


def test_simulated_and_real_cells_agree():
    for row in TABLE:
        kind = getattr(matrix, row["fault"])
        cell = matrix.simulated_cell(row["system"], row["guarded"], kind, row["when"])
        assert cell.outcome == row["outcome"], (row, cell.words)

"""Cells of the fault matrix on processes that are really killed, stopped and slowed."""

import json
from pathlib import Path

import pytest

from dlpar.resilience import matrix
from dlpar.resilience.matrix import real_cell

TABLE = json.loads((Path(matrix.__file__).parent / "real_matrix.json").read_text())


@pytest.mark.mpi
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['system']}-{row['fault']}")
def test_a_real_cell_comes_out_as_the_table_says(row):
    kind = getattr(matrix, row["fault"])
    cell = real_cell(row["system"], row["guarded"], kind, row["when"])
    assert cell.outcome == row["outcome"], cell.words
    assert row["words"] in cell.words


def test_the_table_of_real_cells_holds_no_failure_and_every_fault_of_ranks():
    assert {row["outcome"] for row in TABLE} <= {"complete", "partial", "named"}
    assert {row["fault"] for row in TABLE} == {kind.__name__ for kind in matrix.OF_RANKS}


def test_simulated_and_real_cells_agree():
    for row in TABLE:
        kind = getattr(matrix, row["fault"])
        cell = matrix.simulated_cell(row["system"], row["guarded"], kind, row["when"])
        assert cell.outcome == row["outcome"], (row, cell.words)

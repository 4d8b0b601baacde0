import copy
import pickle

import numpy as np
import pytest

from dlpar.world import IN_PLACE, MAX, MIN, PROD, SUM, MPIError, Status


def test_in_place_is_one_object_in_every_process():
    assert pickle.loads(pickle.dumps(IN_PLACE)) is IN_PLACE
    assert copy.deepcopy(IN_PLACE) is IN_PLACE


@pytest.mark.parametrize(
    ("op", "want"), [(SUM, [4, 6]), (PROD, [3, 8]), (MAX, [3, 4]), (MIN, [1, 2])]
)
def test_operations_work_entry_by_entry_also_after_a_journey(op, want):
    for each in (op, pickle.loads(pickle.dumps(op))):
        assert each(np.array([1, 2]), np.array([3, 4])).tolist() == want
        assert repr(each) == op.name


def test_an_mpi_error_says_its_class_and_travels():
    error = pickle.loads(pickle.dumps(MPIError("MPI_ERR_TAG", "rank 1: a tag is 0 or more")))
    assert error.error_class == "MPI_ERR_TAG"
    assert str(error) == "MPI_ERR_TAG: rank 1: a tag is 0 or more"


def test_a_status_counts_elements_of_a_size_or_of_a_datatype():
    class Double:
        size = 8

    status = Status()
    status.nbytes = 24
    assert (status.Get_count(), status.Get_count(8), status.Get_count(Double())) == (24, 3, 3)

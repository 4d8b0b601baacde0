"""The lock-step machine computes what Numba's own simulator computes, kernel by kernel."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dlpar.gpu.lockstep.errors import DivergentBarrier, Race

from . import kernels_for_oracle as oracle

LIMIT = 100  # s: the simulator starts a thread of the operating system for each CUDA thread


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Return what Numba's simulator makes of every kernel, in one process of its own."""
    path = tmp_path_factory.mktemp("oracle") / "simulated.npz"
    env = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "DLPAR_GPU": "lockstep"}
    argv = [sys.executable, Path(oracle.__file__), path]
    done = subprocess.run(argv, env=env, timeout=LIMIT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(path) as file:
        return dict(file)


@pytest.fixture(scope="module")
def computed():
    return oracle.results()


def test_there_are_enough_kernels():
    names = [case.name for case in oracle.CASES]
    assert len(set(names)) == len(names) >= 60


@pytest.mark.parametrize("case", oracle.CASES, ids=lambda case: case.name)
def test_results_are_those_of_numbas_simulator(case, simulated, computed):
    keys = [key for key in computed if key.startswith(f"{case.name}-")]
    assert keys
    assert keys == [key for key in simulated if key.startswith(f"{case.name}-")]
    for key in keys:
        got, want = computed[key], simulated[key]
        assert got.dtype == want.dtype
        eps = np.finfo(got.dtype).eps if got.dtype.kind == "f" else 0
        np.testing.assert_allclose(
            got, want, rtol=case.tolerance * eps, atol=case.tolerance * eps, err_msg=key
        )


def test_every_kernel_changes_something(computed):
    # A kernel that does nothing would agree with anything.
    for case in oracle.CASES:
        for t in case.types:
            before = enumerate(case.arguments(t))
            arrays = {k: arg for k, arg in before if isinstance(arg, np.ndarray)}
            after = {k: computed[f"{case.name}-{t}-{k}"] for k in arrays}
            assert any((after[k] != arrays[k]).any() for k in arrays), (case.name, t)


def test_a_race_passes_in_numbas_simulator_and_raises_here(simulated):
    assert 1 <= simulated["unguarded_increment"][0] <= 8
    with pytest.raises(Race, match=r"count\[0\]"):
        oracle.unguarded_increment[1, 8](np.zeros(1))


def test_a_barrier_for_some_passes_in_numbas_simulator_and_raises_here(simulated):
    np.testing.assert_array_equal(simulated["barrier_for_some"], np.arange(8))
    with pytest.raises(DivergentBarrier, match="4 of the block's 8 threads"):
        oracle.barrier_for_some[1, 8](np.zeros(8))


def test_two_shared_arrays_on_a_line_are_two_arrays_here(simulated):
    np.testing.assert_array_equal(simulated["two_arrays_on_a_line"], 2)  # one array there
    np.testing.assert_array_equal(oracle.differences()["two_arrays_on_a_line"], 1)


def test_a_grid_barrier_lets_blocks_see_each_other_here(simulated):
    np.testing.assert_array_equal(simulated["grid_barrier"], [0, 1])  # block after block there
    np.testing.assert_array_equal(oracle.differences()["grid_barrier"], [2, 1])

"""Profiling where there is a GPU, as far as it can be tried without one."""

import sys
import types

import numpy as np
import pytest
from numba import cuda as real
from numba import float32 as real_float32

from dlpar.gpu import float32, profile
from dlpar.gpu.lockstep import cuda
from dlpar.gpu.lockstep.kernel import Launch
from dlpar.gpu.on_card import as_lockstep, card_time, on_host
from dlpar.rulers import Wall

N = 128 * 256  # numba.cuda warns of grids that leave a card idle
HALF = 0.5


@real.jit(device=True)
def halved(x):
    return x * real_float32(HALF)


def half_kernel(factor):
    @real.jit
    def half(x, out):
        tile = real.shared.array(256, real_float32)
        i, t = real.grid(1), real.threadIdx.x
        tile[t] = halved(x[i]) * factor
        real.syncthreads()
        out[i] = tile[255 - t]

    return half


def arrays():
    return np.arange(N, dtype=np.float32), np.zeros(N, np.float32)


def expected(x):
    return x.reshape(-1, 256)[:, ::-1].reshape(-1)


def test_a_launch_made_by_numba_cuda_runs_on_the_lock_step_machine():
    launch = as_lockstep(half_kernel(2)[128, 256])
    assert isinstance(launch, Launch)
    x, out = arrays()
    report = profile(launch, x, out)
    np.testing.assert_array_equal(out, expected(x))
    assert report.global_load_sectors == N / 8
    assert report.line("return x *").flops == N
    assert report.barriers == 1


def test_on_a_gpu_the_machine_counts_on_copies_and_the_card_runs_and_is_timed(monkeypatch):
    wall = Wall(1e-5, 1e-5, 1e-5, 15, 2, 1)
    module = sys.modules["dlpar.gpu.profile"]  # the function of this name hides it
    monkeypatch.setattr(module, "card_time", lambda launch, args, cuda: wall)
    runs = []
    config = half_kernel(2)[128, 256]
    fields = ("dispatcher", "griddim", "blockdim", "sharedmem")

    class Card(types.SimpleNamespace):
        def __call__(self, *args):
            runs.append(args)

    card = Card(**{name: getattr(config, name) for name in fields})
    x, out = arrays()
    report = profile(card, x, out)
    assert report.measured is wall
    assert "● wall" in repr(report)
    assert not out.any()  # the lock-step machine worked on a copy
    ((got_x, got_out),) = runs
    assert got_x is x
    assert got_out is out


def test_the_card_s_time_leaves_the_arguments_as_they_are():
    @cuda.jit
    def fill(x, size):
        if cuda.grid(1) == 0:
            x[x.size - size[0]] += float32(1)  # out of range unless `size` was copied, too

    size = cuda.to_device(np.array([64]))
    for x in (np.zeros(64, np.float32), cuda.to_device(np.zeros(64, np.float32))):
        found = card_time(fill[2, 32], (x, size), cuda)
        assert found.repeats == 15
        assert found.median > 0
        assert not on_host(x).any()


def test_what_is_no_launch_is_refused():
    with pytest.raises(TypeError, match=r"kernel\[grid, block\], got int"):
        profile(3)

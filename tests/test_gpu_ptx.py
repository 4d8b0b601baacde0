"""Every kernel compiles for real cards with Numba's own compiler, which needs no card for that."""

import importlib
import math
import pkgutil
import sys

import numpy as np
import pytest

import dlpar.kernels
from dlpar.gpu import cuda, float32
from dlpar.gpu.cards import T4
from dlpar.gpu.lockstep.kernel import Kernel, Launch
from dlpar.gpu.ptx import PYTHON, CompileError, NoCompiler, compile_all, compile_ptx, type_of

from .kernel_examples import EXAMPLES

ptx = pytest.mark.ptx
SCALE = 3
THIRD = np.float32(1 / 3)
TABLE = np.array([1.5, 2.5], np.float32)


def all_kernels():
    """Return every kernel of dlpar.kernels that can be launched."""
    found = []
    for module in pkgutil.walk_packages(dlpar.kernels.__path__, "dlpar.kernels."):
        values = vars(importlib.import_module(module.name)).values()
        found += [
            v
            for v in values
            if isinstance(v, Kernel) and not v.device and v.__module__ == module.name
        ]
    return found


def launches():
    """Run all examples; return {(kernel, types): arguments} of what they launched."""
    seen = {}
    run = Launch.__call__

    def recording(self, *args):
        seen.setdefault((self.kernel, str([type_of(arg) for arg in args])), args)
        return run(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Launch, "__call__", recording)
        for example in EXAMPLES.values():
            example()
    return seen


def test_every_kernel_has_an_example():
    launched = {kernel for kernel, _ in launches()}
    kernels = all_kernels()
    missing = [f"{k.__module__}.{k.__name__}" for k in kernels if k not in launched]
    assert len(kernels) > 60
    assert missing == [], "tests/kernel_examples.py lacks these"


@ptx
@pytest.mark.timeout(300)
@pytest.mark.parametrize("cc", [(7, 5), (9, 0)])
def test_every_kernel_compiles_for_real_cards(cc):
    calls = [(kernel, args) for (kernel, _), args in launches().items()]
    compiled = compile_all(calls, cc)
    assert [one.name for one in compiled] == [kernel.__name__ for kernel, _ in calls] != []
    for one in compiled:
        assert f".target sm_{cc[0]}{cc[1]}" in one.ptx
        assert one.registers > 0, one.ptxas
        assert one.spill_stores == one.spill_loads == 0, one.name


@cuda.jit(device=True)
def scaled(x):
    return x * SCALE + TABLE[1]


@cuda.jit
def with_a_tile(x, out):
    tile = cuda.shared.array(64, float32)
    i = cuda.grid(1)
    tile[cuda.threadIdx.x] = scaled(x[i])
    cuda.syncthreads()
    out[i] = math.sqrt(tile[63 - cuda.threadIdx.x])


X = np.ones(64, np.float32)


@ptx
def test_a_compiled_kernel_tells_registers_shared_memory_and_occupancy():
    compiled = compile_ptx(with_a_tile, X, X, cc=(7, 5))
    assert compiled.shared_nbytes == 4 * 64
    assert 0 < compiled.registers < 64
    assert "bar.sync" in compiled.ptx
    assert compiled.occupancy(T4, 64).warps == 32
    assert "■ counted" in repr(compiled)
    assert "registers a thread" in compiled._repr_html_()


@ptx
def test_a_kernel_of_a_factory_keeps_its_constants():
    def factory(n):
        @cuda.jit
        def kernel(out):
            tile = cuda.shared.array(n, float32)
            t = cuda.threadIdx.x
            tile[t] = out[t]
            cuda.syncthreads()
            out[t] = tile[n - 1 - t]

        return kernel

    assert [compile_ptx(factory(n), X).shared_nbytes for n in (32, 96)] == [128, 384]


@ptx
def test_a_constant_of_single_precision_stays_one():
    @cuda.jit
    def kernel(x):
        i = cuda.grid(1)
        x[i] = math.exp(x[i] + THIRD) * THIRD

    assert ".f64" not in compile_ptx(kernel, X).ptx  # %f64 is a register


@ptx
def test_what_the_compiler_refuses_is_said():
    @cuda.jit
    def kernel(x):
        x[0] = [1, 2]

    with pytest.raises(CompileError, match=r"kernel for 9\.0: TypingError"):
        compile_ptx(kernel, X)


def test_without_a_compiler_the_message_holds_the_fix(monkeypatch):
    monkeypatch.delenv(PYTHON, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoCompiler, match="pip install 'numba-cuda") as missing:
        compile_ptx(with_a_tile, X, X)
    assert PYTHON in str(missing.value)


@pytest.mark.parametrize("wrong", ["/no/such/python", sys.executable])
def test_an_interpreter_that_cannot_compile_is_refused_with_the_fix(monkeypatch, wrong):
    monkeypatch.setenv(PYTHON, wrong)
    with pytest.raises(NoCompiler, match="pip install"):
        compile_ptx(with_a_tile, X, X)


@pytest.mark.parametrize(
    ("arg", "expected"),
    [
        (X, ("array", "float32", 1, "C")),
        (cuda.to_device(np.ones((2, 3))).T, ("array", "float64", 2, "F")),
        (np.ones((4, 4), bool)[::2, ::2], ("array", "boolean", 2, "A")),
        (3, ("int64",)),
        (True, ("boolean",)),
        (np.float32(1), ("float32",)),
        ((1, 2.0), ("tuple", [("int64",), ("float64",)])),
    ],
)
def test_arguments_have_numba_s_types(arg, expected):
    assert type_of(arg) == expected


def test_what_no_kernel_takes_has_no_type():
    with pytest.raises(TypeError, match="no kernel takes a dict"):
        type_of({})

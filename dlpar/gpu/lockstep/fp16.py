"""Half precision by name, `cuda.fp16`: arguments and results are float16."""

from types import SimpleNamespace

import numpy as np

from dlpar.gpu.lockstep.bits import fused
from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.types import FLOAT16, FLOAT32


def _half(name, function, meter="flops"):
    """Return the intrinsic `cuda.fp16.name`; `function` works on float16."""

    def lower(m, site, *xs):
        return function(*(x.astype(FLOAT16) for x in xs))

    return Intrinsic(f"cuda.fp16.{name}", lower, meter=meter)


def _in_single(function):
    """Return `function`, which computes in float32 and rounds once to float16."""
    return lambda *xs: function(*(x.astype(FLOAT32) for x in xs)).astype(FLOAT16)


def _hfma(a, b, c):
    return fused(a, b, c, FLOAT16)


EXACT = {
    "hadd": np.add, "hsub": np.subtract, "hmul": np.multiply, "hdiv": np.divide, "hfma": _hfma,
    "hneg": np.negative, "habs": np.abs, "hmax": np.fmax, "hmin": np.fmin,
    "hfloor": np.floor, "hceil": np.ceil, "htrunc": np.trunc, "hrint": np.rint,
}  # fmt: skip
IN_SINGLE = {
    "hsqrt": np.sqrt, "hsin": np.sin, "hcos": np.cos, "hlog": np.log, "hlog2": np.log2,
    "hlog10": np.log10, "hexp": np.exp, "hexp2": np.exp2,
    "hexp10": lambda x: np.power(np.float32(10), x),
    "hrcp": lambda x: np.float32(1) / x, "hrsqrt": lambda x: np.float32(1) / np.sqrt(x),
}  # fmt: skip
COMPARED = {
    "heq": np.equal, "hne": np.not_equal, "hge": np.greater_equal, "hgt": np.greater,
    "hle": np.less_equal, "hlt": np.less,
}  # fmt: skip

fp16 = SimpleNamespace(
    **{
        name: _half(name, function, "fma" if name == "hfma" else "flops")
        for name, function in EXACT.items()
    },
    **{name: _half(name, _in_single(function)) for name, function in IN_SINGLE.items()},
    **{name: _half(name, function, None) for name, function in COMPARED.items()},
)

"""Fewer bytes: what a gradient still says in one bit, a few entries, or two thin matrices.

A compressor has `encode(v)` -> message, (nbytes,) uint8 with a header, `decode(message)` -> (n,)
and `nbytes(n)`. A message that is damaged raises WireError. Any of them can be wrapped:

    code = ErrorFeedback(TopK(0.01))        # v = g + residual; residual = v - told
    told = code.decode(code.encode(g))

An exchanger is called with (grads, comm) and returns the sum over ranks, or what is told of it:

    exchange = OneBitExchange(*columns_of(model), warm_up=10)
    descend_together(model, x, y, b, updates, lr, comm, rng, exchange)

| to send | compressor | exchanger |
|---|---|---|
| one bit | OneBit | OneBitExchange: to owners and back; MajorityVote: signs alone |
| a sign and a scale | Sign | GatherExchange(Sign()) |
| 2 bits, or s levels, unbiased | Ternary, QSGD | GatherExchange(code, feedback=False) |
| few entries | TopK, RandomK | GatherExchange(code); DGC, with momentum |
| 16 or 8 bits | Half, FP8 | RingExchange(code) |
| two thin matrices | | PowerSGD(shapes_of(model), rank, rng) |
| momentum in bits | | OneBitAdam: optimizer and exchange |

Exchangers have `state()` and `restore(...)`: arrays for a checkpoint, which may be restored on
another number of ranks. `..._bytes` functions tell what goes on the wire.
"""

from dlpar.compress.adam import OneBitAdam
from dlpar.compress.columns import columns_of, shapes_of
from dlpar.compress.dgc import DGC, clipped, warm_up_share
from dlpar.compress.exchanges import (
    GatherExchange,
    MajorityVote,
    RingExchange,
    majority_bytes,
    ring_bytes,
)
from dlpar.compress.feedback import ErrorFeedback, telescope
from dlpar.compress.floats import FP8, Half, fp8_bytes, half_bytes
from dlpar.compress.low_rank import PowerSGD, low_rank_floats
from dlpar.compress.one_bit import OneBit, one_bit_bytes
from dlpar.compress.one_bit_exchange import OneBitExchange, one_bit_exchange_bytes
from dlpar.compress.signs import Sign, sign_bytes
from dlpar.compress.sparse import RandomK, TopK, random_k_bytes, top_k_bytes
from dlpar.compress.stochastic import QSGD, Ternary, qsgd_bytes, ternary_bytes
from dlpar.compress.wire import WireError

__all__ = [
    "DGC",
    "FP8",
    "QSGD",
    "ErrorFeedback",
    "GatherExchange",
    "Half",
    "MajorityVote",
    "OneBit",
    "OneBitAdam",
    "OneBitExchange",
    "PowerSGD",
    "RandomK",
    "RingExchange",
    "Sign",
    "Ternary",
    "TopK",
    "WireError",
    "clipped",
    "columns_of",
    "fp8_bytes",
    "half_bytes",
    "low_rank_floats",
    "majority_bytes",
    "one_bit_bytes",
    "one_bit_exchange_bytes",
    "qsgd_bytes",
    "random_k_bytes",
    "ring_bytes",
    "shapes_of",
    "sign_bytes",
    "telescope",
    "ternary_bytes",
    "top_k_bytes",
    "warm_up_share",
]

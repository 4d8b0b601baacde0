"""What the 32 lanes of a warp do together: shuffles, votes, matches."""

import numpy as np

from dlpar.gpu.lockstep.errors import WrongMask
from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.machine import LANES, WARP
from dlpar.gpu.lockstep.types import truth

ALL = np.int64(0xFFFFFFFF)  # a mask that names all lanes
BITS = np.uint64(1) << LANES.astype(np.uint64)
SHUFFLED = ("int32", "int64", "float32", "float64")  # what hardware passes from lane to lane


def members(m, site, mask):
    """Return (warps, 32) bool: who takes part, by `mask`; raise WrongMask if somebody is missing.

    Every active lane must name itself, and every lane that is named and has not returned must be
    active: otherwise hardware waits for it, or reads what it never gave.
    """
    running = m.by_warp(m.running(), False)
    everybody = m.active is None and m.exited is None
    one = not np.ndim(mask)  # for all lanes
    if not m.checks.barriers or (everybody and one and int(mask) & ALL == ALL):
        return running
    there = m.by_warp(m.still_there(), False)
    mask = np.asarray(mask).astype(np.uint64)[()]
    if not (one and _complete(running, there, (mask & BITS).astype(bool))):
        _check(m, site, running, there, m.by_warp(mask, np.uint64(0)))
    return running


def _complete(running, there, named):
    """Whether in each warp the lanes that come are those of `named`, (32,), that are there."""
    absent = named & there & ~running
    absent &= running.any(axis=1, keepdims=True)  # a warp may stay away as a whole
    return not (absent.any() or (running & ~named).any())


def _check(m, site, running, there, words):
    named = (words[:, :, None] & BITS).astype(bool)  # (warps, lane, lane that it names)
    itself = running & ~named[:, LANES, LANES]
    _refuse(m, site, itself, "the mask does not name this lane, which takes part")
    missing = named & running[:, :, None] & (there & ~running)[:, None, :]
    if missing.any():
        w, lane, other = (int(i) for i in np.argwhere(missing)[0])
        who = np.zeros_like(running)
        who[w, lane] = True
        _refuse(m, site, who, f"the mask names lane {other}, which does not come here")
    _agree(m, site, words, named & running[:, :, None] & running[:, None, :])


def _agree(m, site, words, named):
    """Raise WrongMask if a lane names one, (warps, lane, lane), that comes with another mask."""
    differ = named & (words[:, :, None] != words[:, None, :])
    if differ.any():
        w, lane, other = (int(i) for i in np.argwhere(differ)[0])
        who = np.zeros(words.shape, bool)
        who[w, lane] = True
        _refuse(m, site, who, f"the mask names lane {other}, which comes with another mask")


def _refuse(m, site, bad, message):
    if bad.any():
        lane = int(np.argmax(m.from_warps(bad)))
        raise WrongMask(message, site, *m.blame(lane))


def shuffle(m, site, mask, value, source):
    """Return for each lane the `value` of the lane `source`, (warps, 32) of lane numbers."""
    if value.dtype.name not in SHUFFLED:
        where = f"{site.kernel}, line {site.line}"
        raise TypeError(f"{where}: a shuffle passes {', '.join(SHUFFLED)}, not {value.dtype}")
    running = members(m, site, mask)
    values = m.by_warp(value)
    from_running = np.take_along_axis(running, source, axis=1)
    if m.checks.barriers:
        bad = running & ~from_running
        if bad.any():
            w, lane = (int(i) for i in np.argwhere(bad)[0])
            _refuse(
                m,
                site,
                bad & (np.arange(len(bad))[:, None] == w) & (lane == LANES),
                f"this lane reads lane {int(source[w, lane])}, which does not take part",
            )
    return m.from_warps(np.take_along_axis(values, source, axis=1))


def _lanes(m, x):
    return m.by_warp(x).astype(np.int64)


def shfl(m, site, mask, value, lane):
    """cuda.shfl_sync: the value of lane `lane`."""
    return shuffle(m, site, mask, value, _lanes(m, lane) % WARP)


def shfl_up(m, site, mask, value, delta):
    """cuda.shfl_up_sync: the value of the lane `delta` below; the lowest keep their own."""
    source = LANES - _lanes(m, delta)
    return shuffle(m, site, mask, value, np.where(source < 0, LANES, source))


def shfl_down(m, site, mask, value, delta):
    """cuda.shfl_down_sync: the value of the lane `delta` above; the highest keep their own."""
    source = LANES + _lanes(m, delta)
    return shuffle(m, site, mask, value, np.where(source >= WARP, LANES, source))


def shfl_xor(m, site, mask, value, bits):
    """cuda.shfl_xor_sync: the value of the lane whose number differs in `bits`."""
    return shuffle(m, site, mask, value, (LANES ^ _lanes(m, bits)) % WARP)


def _takers(m, site, mask):
    """Return (warps, 1 or 32, 32) bool: with whom, last axis, a lane votes: those in its mask."""
    running = members(m, site, mask)[:, None, :]
    if not np.ndim(mask):
        return running
    words = m.by_warp(mask.astype(np.uint64), np.uint64(0))
    return (words[:, :, None] & BITS).astype(bool) & running


def _votes(m, site, mask, predicate):
    if predicate.dtype.kind not in "biu":
        where = f"{site.kernel}, line {site.line}"
        raise TypeError(f"{where}: a vote is a truth value or an integer, not {predicate.dtype}")
    yes = m.by_warp(truth(predicate), False)
    return _takers(m, site, mask), yes[:, None, :]


def _to_lanes(m, per_warp):
    """Return (warps, 1 or 32) as a vector."""
    return m.from_warps(np.broadcast_to(per_warp, (len(per_warp), WARP)).copy())


def _as_bits(chosen, dtype=np.int32):
    """Return the truth values of 32 lanes, last axis, as one number."""
    return (chosen * BITS).sum(axis=-1, dtype=np.uint64).astype(np.uint32).astype(dtype)


def vote_all(m, site, mask, predicate):
    """cuda.all_sync: whether the predicate holds in all lanes that take part."""
    takers, yes = _votes(m, site, mask, predicate)
    return _to_lanes(m, (yes | ~takers).all(axis=2))


def vote_any(m, site, mask, predicate):
    """cuda.any_sync: whether it holds in one."""
    takers, yes = _votes(m, site, mask, predicate)
    return _to_lanes(m, (yes & takers).any(axis=2))


def vote_eq(m, site, mask, predicate):
    """cuda.eq_sync: whether it is the same in all."""
    takers, yes = _votes(m, site, mask, predicate)
    return _to_lanes(m, (yes | ~takers).all(axis=2) | (~yes | ~takers).all(axis=2))


def ballot(m, site, mask, predicate):
    """cuda.ballot_sync: the lanes in which it holds, as bits of an int32 (Numba's type)."""
    takers, yes = _votes(m, site, mask, predicate)
    return _to_lanes(m, _as_bits(yes & takers))


def match_any(m, site, mask, value):
    """cuda.match_any_sync: the lanes that hold this lane's value, as bits of an int32."""
    values = m.by_warp(value)
    same = values[:, :, None] == values[:, None, :]
    return _to_lanes(m, _as_bits(same & _takers(m, site, mask)))


def match_all(m, site, mask, value):
    """cuda.match_all_sync: (the mask if all hold one value, else 0; whether they do)."""
    takers, values = _takers(m, site, mask), m.by_warp(value)
    same = values[:, :, None] == values[:, None, :]
    agreed = (same | ~takers).all(axis=2)
    return _to_lanes(m, np.where(agreed, _as_bits(takers), 0)), _to_lanes(m, agreed)


def active(m, site):
    """cuda.activemask: the lanes that run this statement, as bits of a uint32."""
    running = m.by_warp(m.running(), False)
    return _to_lanes(m, _as_bits(running, np.uint32)[:, None])


def lower_lanes(m, site):
    """cuda.lanemask_lt: bits of a uint32 for the lanes below this one."""
    bits = (np.uint64(1) << (m.thread % WARP).astype(np.uint64)) - np.uint64(1)
    return bits.astype(np.uint32)


def sync(m, site, mask=ALL):
    """cuda.syncwarp: wait for the lanes that `mask` names, and see what they wrote."""
    members(m, site, mask)
    m.warp_barrier(site, mask)


syncwarp = Intrinsic("cuda.syncwarp", sync)
shfl_sync = Intrinsic("cuda.shfl_sync", shfl)
shfl_up_sync = Intrinsic("cuda.shfl_up_sync", shfl_up)
shfl_down_sync = Intrinsic("cuda.shfl_down_sync", shfl_down)
shfl_xor_sync = Intrinsic("cuda.shfl_xor_sync", shfl_xor)
all_sync = Intrinsic("cuda.all_sync", vote_all)
any_sync = Intrinsic("cuda.any_sync", vote_any)
eq_sync = Intrinsic("cuda.eq_sync", vote_eq)
ballot_sync = Intrinsic("cuda.ballot_sync", ballot)
match_any_sync = Intrinsic("cuda.match_any_sync", match_any)
match_all_sync = Intrinsic("cuda.match_all_sync", match_all)
activemask = Intrinsic("cuda.activemask", active)
lanemask_lt = Intrinsic("cuda.lanemask_lt", lower_lanes)

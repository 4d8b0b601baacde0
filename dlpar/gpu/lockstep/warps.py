"""What the 32 lanes of a warp do together: shuffles, votes, matches."""

import numpy as np

from dlpar.gpu.lockstep.errors import WrongMask
from dlpar.gpu.lockstep.machine import LANES, WARP
from dlpar.gpu.lockstep.types import truth

ALL = np.int64(0xFFFFFFFF)  # a mask that names all lanes
BITS = np.uint64(1) << LANES.astype(np.uint64)


def members(m, site, mask):
    """Return (warps, 32) bool: who takes part, by `mask`; raise WrongMask if somebody is missing.

    Every active lane must name itself, and every lane that is named and has not returned must be
    active: otherwise hardware waits for it, or reads what it never gave.
    """
    running = m.by_warp(m.running(), False)
    everybody = m.active is None and m.exited is None
    if everybody and not np.ndim(mask) and int(mask) & ALL == ALL:
        return running
    words = m.by_warp(np.asarray(mask).astype(np.uint64)[()], np.uint64(0))
    named = (words[:, :, None] & BITS).astype(bool)  # (warps, lane, lane that it names)
    if m.checks.barriers:
        there = m.by_warp(m.still_there(), False)
        itself = running & ~named[:, LANES, LANES]
        _refuse(m, site, itself, "the mask does not name this lane, which takes part")
        missing = named & running[:, :, None] & (there & ~running)[:, None, :]
        if missing.any():
            w, lane, other = (int(i) for i in np.argwhere(missing)[0])
            who = np.zeros_like(running)
            who[w, lane] = True
            _refuse(m, site, who, f"the mask names lane {other}, which does not come here")
        _agree(m, site, words, named & running[:, :, None] & running[:, None, :])
    return running


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


def _votes(m, site, mask, predicate):
    running = members(m, site, mask)
    return running, m.by_warp(truth(np.asarray(predicate)[()]), False)


def _everywhere(m, per_warp):
    return m.from_warps(np.repeat(per_warp[:, None], WARP, axis=1))


def vote_all(m, site, mask, predicate):
    """cuda.all_sync: whether the predicate holds in all lanes that take part."""
    running, yes = _votes(m, site, mask, predicate)
    return _everywhere(m, (yes | ~running).all(axis=1))


def vote_any(m, site, mask, predicate):
    """cuda.any_sync: whether it holds in one."""
    running, yes = _votes(m, site, mask, predicate)
    return _everywhere(m, (yes & running).any(axis=1))


def vote_eq(m, site, mask, predicate):
    """cuda.eq_sync: whether it is the same in all."""
    running, yes = _votes(m, site, mask, predicate)
    return _everywhere(m, (yes | ~running).all(axis=1) | (~yes | ~running).all(axis=1))


def ballot(m, site, mask, predicate):
    """cuda.ballot_sync: the lanes in which it holds, as bits of an int32 (Numba's type)."""
    running, yes = _votes(m, site, mask, predicate)
    words = ((yes & running) * BITS).sum(axis=1, dtype=np.uint64)
    return _everywhere(m, words.astype(np.uint32).astype(np.int32))


def _matches(m, site, mask, value):
    running = members(m, site, mask)
    values = m.by_warp(value)
    same = (values[:, :, None] == values[:, None, :]) & running[:, None, :]
    return running, (same * BITS).sum(axis=2, dtype=np.uint64).astype(np.uint32).astype(np.int32)


def match_any(m, site, mask, value):
    """cuda.match_any_sync: the lanes that hold this lane's value, as bits."""
    return m.from_warps(_matches(m, site, mask, value)[1])


def match_all(m, site, mask, value):
    """cuda.match_all_sync: (the mask if all hold one value, else 0; whether they do)."""
    running, words = _matches(m, site, mask, value)
    everybody = (running * BITS).sum(axis=1, dtype=np.uint64).astype(np.uint32).astype(np.int32)
    first = np.argmax(running, axis=1)
    agreed = words[np.arange(len(words)), first] == everybody
    return _everywhere(m, np.where(agreed, everybody, 0)), _everywhere(m, agreed)


def activemask(m, site):
    """cuda.activemask: the lanes that run this statement, as bits."""
    running = m.by_warp(m.running(), False)
    words = (running * BITS).sum(axis=1, dtype=np.uint64)
    return _everywhere(m, words.astype(np.uint32).astype(np.int32))


def lanemask_lt(m, site):
    """cuda.lanemask_lt: bits for the lanes below this one."""
    bits = (np.uint64(1) << (m.thread % WARP).astype(np.uint64)) - np.uint64(1)
    return bits.astype(np.uint32).astype(np.int32)


def syncwarp(m, site, mask=ALL):
    """cuda.syncwarp: wait for the lanes that `mask` names, and see what they wrote."""
    members(m, site, mask)
    m.warp_barrier(site, mask)

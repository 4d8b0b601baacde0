"""Barriers and fences of blocks, and of the whole grid."""

from types import SimpleNamespace

import numpy as np

from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.types import truth


def _voted(name, combine):
    def lower(m, site, predicate):
        if predicate.dtype.kind not in "iu":
            where = f"{site.kernel}, line {site.line}: cuda.{name}"
            kind = predicate.dtype
            raise TypeError(f"{where} takes an integer in Numba, not a {kind}: say int(...)")
        m.barrier(site)
        yes = m.by_block(truth(predicate)) & m.by_block(m.running())
        there = m.by_block(m.running())
        return np.repeat(combine(yes, there).astype(np.int32), m.threads)

    return Intrinsic(f"cuda.{name}", lower, meter="barrier")


syncthreads = Intrinsic("cuda.syncthreads", lambda m, site: m.barrier(site), meter="barrier")
syncthreads_count = _voted("syncthreads_count", lambda yes, there: yes.sum(axis=1))
syncthreads_and = _voted("syncthreads_and", lambda yes, there: (yes | ~there).all(axis=1))
syncthreads_or = _voted("syncthreads_or", lambda yes, there: yes.any(axis=1))


def _fence(m, site):
    m.fences.fence(m, site)


threadfence = Intrinsic("cuda.threadfence", _fence)
threadfence_system = Intrinsic("cuda.threadfence_system", _fence)
threadfence_block = Intrinsic("cuda.threadfence_block", lambda m, site: None)


nanosleep = Intrinsic("cuda.nanosleep", lambda m, site, ns: None)  # nobody waits here


class _Grid:
    """All blocks of a launch, as cooperative groups see them."""

    def lockstep_sync(self, m, site):
        """Let every thread of the grid wait for every other."""
        if m.meter is not None:
            m.meter.barrier(m, site)
        m.grid_barrier(site)


cg = SimpleNamespace(this_grid=Intrinsic("cuda.cg.this_grid", lambda m, site: _Grid()))

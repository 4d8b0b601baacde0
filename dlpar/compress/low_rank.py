"""PowerSGD: a gradient matrix as the product of two thin ones, which any allreduce can add up."""

import math

import numpy as np

from dlpar.collectives import ring_allreduce
from dlpar.data import checked_generator


def low_rank_floats(shapes, rank):
    """Return (P's, Q's and what is not compressed): how many floats are added up in each allreduce.

    A matrix (n, m) has r n and r m, r = min(rank, n, m); what is no matrix, or would not shrink,
    travels whole, beside the P's.
    """
    first = second = 0
    for shape in shapes:
        r = _rank(shape, rank)
        first += r * shape[0] if r else math.prod(shape)
        second += r * shape[1] if r else 0
    return first, second


class PowerSGD:
    """An exchanger: M = grads + residual; P = sum of M Q, orthonormal; Q = sum of M^T P; P Q^T.

    Sums of M's are sums of P's and of Q's: the compression is linear once Q (then P) is the same on
    all ranks, so bytes do not grow with p. One power iteration a call, begun where the last ended.
    Memory: `residual`, (d,), of this rank, and `qs`, alike on all ranks. Raises ValueError if grads
    are not finite. Bytes: an allreduce of each of `low_rank_floats`; numbers travel, no message.
    Source: Vogels, Karimireddy & Jaggi, NeurIPS 2019, algorithms 1 and 2.
    """

    def __init__(self, shapes, rank, rng, allreduce=ring_allreduce, feedback=True):
        """Plan for a vector that holds arrays of `shapes` one after another (`shapes_of(model)`).

        rank : columns of P and Q, 1 or more.  rng : Generator in the same state on all ranks.
        """
        if rank < 1:
            raise ValueError(f"rank must be at least 1, got {rank!r}")
        checked_generator(rng)
        self.shapes, self.rank = [tuple(shape) for shape in shapes], rank
        self.allreduce, self.feedback, self.residual = allreduce, feedback, None
        ranks = [_rank(shape, rank) for shape in self.shapes]
        self.qs = [
            rng.normal(size=(shape[1], r)) if r else None
            for shape, r in zip(self.shapes, ranks, strict=True)
        ]

    def __call__(self, grads, comm):
        """Return about the sum of all ranks' grads, (d,): what the thin matrices tell of it."""
        if grads.size != sum(math.prod(shape) for shape in self.shapes):
            raise ValueError(f"these shapes are not those of {grads.size} elements")
        if not np.isfinite(grads).all():
            raise ValueError("NaN or infinity would be in every row: skip the step instead")
        if self.residual is None:
            self.residual = np.zeros_like(grads)
        whole = grads + self.residual
        arrays = _cut(whole, self.shapes)
        thin = [
            a if q is None else a @ q.astype(a.dtype) for a, q in zip(arrays, self.qs, strict=True)
        ]
        ps = _added(thin, self.allreduce, comm)
        ps = [p if q is None else _orthonormal(p) for p, q in zip(ps, self.qs, strict=True)]
        own = [None if q is None else a.T @ p for a, p, q in zip(arrays, ps, self.qs, strict=True)]
        sums = iter(_added([q for q in own if q is not None], self.allreduce, comm))
        self.qs = [None if q is None else next(sums) for q in own]
        told = [p if q is None else p @ q.T for p, q in zip(ps, self.qs, strict=True)]
        if self.feedback:
            said = [a if q is None else p @ q.T for a, p, q in zip(arrays, ps, own, strict=True)]
            self.residual = whole - _joined(said, grads)
        return _joined(told, grads)

    def state(self):
        """Return {"residual": (d,), "q0": (m, r), ...}, copies: arrays for np.savez."""
        state = {f"q{i}": q.copy() for i, q in enumerate(self.qs) if q is not None}
        return state if self.residual is None else state | {"residual": self.residual.copy()}

    def restore(self, *states):
        """Go on from this rank's state; the residuals of ranks that left are added."""
        self.qs = [
            None if q is None else np.array(states[0][f"q{i}"]) for i, q in enumerate(self.qs)
        ]
        kept = [np.asarray(state["residual"]) for state in states if "residual" in state]
        self.residual = sum(kept[1:], start=kept[0].copy()) if kept else None


def _rank(shape, rank):
    """Return the columns of P and Q for an array of `shape`, or 0 if it travels whole."""
    if len(shape) != 2:
        return 0
    r = min(rank, *shape)
    return r if r * sum(shape) < math.prod(shape) else 0


def _orthonormal(p):
    """Return an orthonormal basis of p's columns, of p's shape and dtype."""
    return np.linalg.qr(p.astype(np.float64))[0].astype(p.dtype)


def _added(arrays, allreduce, comm):
    """Return the sum over ranks of each of `arrays`, by one allreduce of all."""
    if not arrays:
        return []
    total = allreduce(np.concatenate([a.ravel() for a in arrays]), comm)
    return _cut(total, [a.shape for a in arrays])


def _cut(vector, shapes):
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    return [a.reshape(s) for a, s in zip(np.split(vector, ends), shapes, strict=True)]


def _joined(arrays, like):
    return np.concatenate([a.ravel() for a in arrays]).astype(like.dtype, copy=False)

"""A few entries instead of all: the largest, or some at random."""

import numpy as np

from dlpar.compress.wire import HEADER, finite, pack, require, split, unpack
from dlpar.data import checked_generator

INDEX = np.dtype("<u4")


def count_kept(n, share):
    """Return k, how many of n entries are sent: a share of them, but one if there is any."""
    return min(n, max(1, round(share * n)))


def top_k_bytes(n, share, itemsize=4):
    """Return the bytes of a top-k message: an index of 4 bytes and a value, for each of k."""
    return HEADER + count_kept(n, share) * (4 + itemsize)


def random_k_bytes(n, share, itemsize=4):
    """Return the bytes of a random-k message: k values; the seed in the header tells which."""
    return HEADER + count_kept(n, share) * itemsize


def largest(v, k):
    """Return the indices, (k,) ascending, of the k largest |v|; of equals the first ones."""
    size = np.abs(v)
    if k == 0:
        return np.zeros(0, np.intp)
    bar = np.partition(size, v.size - k)[v.size - k]
    above, equal = np.flatnonzero(size > bar), np.flatnonzero(size == bar)
    return np.sort(np.concatenate([above, equal[: k - above.size]]))


class TopK:
    """v -> its k largest entries, exactly, and 0 elsewhere. For feedback: it is far from unbiased.

    A contraction: ||v - told||**2 <= (1 - k/n) ||v||**2. NaN and infinity are refused.
    Source: Aji & Heafield, EMNLP 2017; Stich et al., NeurIPS 2018.
    """

    def __init__(self, share):
        """Send a share of the entries, in (0, 1]."""
        self.share = _share(share)

    def encode(self, v):
        """Return the message of v, (n,)."""
        v = finite(v)
        chosen = largest(v, count_kept(v.size, self.share))
        return pack("sparse", v, len(chosen), 0, chosen.astype(INDEX), v[chosen])

    def decode(self, message):
        """Return what `message` tells, (n,); WireError if damaged."""
        head, payload = unpack(message, "sparse")
        k = count_kept(head.n, self.share)
        require((head.a, head.b) == (k, 0), f"{k} of {head.n} entries were expected")
        chosen, values = split(payload, (INDEX, k), (head.dtype, k))
        require((np.diff(chosen.astype(np.int64)) > 0).all(), "indices do not ascend")
        require(k == 0 or chosen[-1] < head.n, "an index is beyond the vector")
        require(np.isfinite(values).all(), "a value is not finite")
        told = np.zeros(head.n, head.dtype)
        told[chosen] = values
        return told

    def nbytes(self, n, itemsize=4):
        """Return the bytes of a message for n elements of `itemsize` bytes."""
        return top_k_bytes(n, self.share, itemsize)


class RandomK:
    """v -> k entries at random, 0 elsewhere; no index travels, since both ends throw the same dice.

    Multiplied by n/k the message is unbiased, with E||told - v||**2 = (n/k - 1) ||v||**2. As it is,
    for feedback, it is a contraction: E||v - told||**2 = (1 - k/n) ||v||**2.
    NaN and infinity are refused. Source: Stich et al., NeurIPS 2018.
    """

    def __init__(self, share, rng, unbiased=False):
        """Send a share of the entries, in (0, 1]; `rng` draws each message's seed."""
        self.share, self.rng, self.unbiased = _share(share), checked_generator(rng), unbiased

    def encode(self, v):
        """Return the message of v, (n,)."""
        v = finite(v)
        seed = int(self.rng.integers(2**32))
        chosen = _drawn(v.size, self.share, seed)
        factor = v.size / len(chosen) if self.unbiased and v.size else 1.0
        return pack("random", v, len(chosen), seed, finite(v[chosen] * v.dtype.type(factor)))

    def decode(self, message):
        """Return what `message` tells, (n,); WireError if damaged."""
        head, payload = unpack(message, "random")
        k = count_kept(head.n, self.share)
        require(head.a == k, f"{k} of {head.n} entries were expected")
        (values,) = split(payload, (head.dtype, k))
        require(np.isfinite(values).all(), "a value is not finite")
        told = np.zeros(head.n, head.dtype)
        told[_drawn(head.n, self.share, head.b)] = values
        return told

    def nbytes(self, n, itemsize=4):
        """Return the bytes of a message for n elements of `itemsize` bytes."""
        return random_k_bytes(n, self.share, itemsize)


def _drawn(n, share, seed):
    return np.random.default_rng(seed).choice(n, count_kept(n, share), replace=False)


def _share(share):
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share!r}")
    return float(share)

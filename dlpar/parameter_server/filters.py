"""What need not be sent: filters of a sparse push, each a function from keys and values to fewer.

A sparse message is keys, (m,) int64, and values, (m,): which weights, and their gradients. What
goes on the wire is bytes, (nbytes,) uint8, so that its length is what it costs.
Source: Li et al., OSDI 2014, section 5.1.
"""

import hashlib

import numpy as np

DIGEST = 16  # bytes of a hash that stands for a list of keys
FULL, HASHED = 0, 1  # first byte of a message


class KeyCache:
    """One end of a link that sends a list of keys once, and then its hash.

    With keys and values of 8 bytes each, a list that was sent before costs half. The lists are kept
    at both ends; the receiver must see every message of the sender, in order.
    """

    def __init__(self):
        self.known = {}  # digest -> keys

    def pack(self, keys, values):
        """Return the message, (nbytes,) uint8; values (m,) of any dtype."""
        keys = np.ascontiguousarray(keys, np.int64)
        values = np.ascontiguousarray(values)
        if keys.shape != values.shape or keys.ndim != 1:
            raise ValueError(f"keys and values are (m,) each, got {keys.shape}, {values.shape}")
        digest = digest_of(keys)
        known = digest in self.known
        self.known[digest] = keys.copy()
        head = bytes([HASHED]) + digest if known else bytes([FULL]) + keys.tobytes()
        return np.frombuffer(head + values.tobytes(), np.uint8)

    def unpack(self, message, dtype):
        """Return (keys, values) of what the other end packed, values of `dtype`.

        Raises KeyError if the hash is of a list that never came: ask for the keys themselves.
        """
        data, dtype = message[1:].tobytes(), np.dtype(dtype)
        if message[0] == HASHED:
            keys = self.known[data[:DIGEST]]
            return keys, np.frombuffer(data[DIGEST:], dtype)
        count = len(data) // (8 + dtype.itemsize)
        keys = np.frombuffer(data[: 8 * count], np.int64)
        self.known[digest_of(keys)] = keys
        return keys, np.frombuffer(data[8 * count :], dtype)


def digest_of(keys):
    """Return the DIGEST bytes that stand for `keys`: equal for no two lists anyone will meet."""
    return hashlib.blake2b(keys.tobytes(), digest_size=DIGEST).digest()


def kkt_filter(weights, grads, delta):
    """Return the indices, (m,) int64, that are worth sending for a loss + lambda * |w|_1.

    weights, grads : (d,), grads of the loss alone.  delta : lambda less a margin, at least 0.

    A weight at 0 stays at 0 in the optimum as long as |gradient| <= lambda (the condition of
    Karush, Kuhn and Tucker). One that is 0 and whose gradient is no larger than delta is dropped;
    the margin is for what the gradient may still grow by.
    """
    if not delta >= 0:
        raise ValueError(f"delta must be at least 0, got {delta!r}")
    return np.flatnonzero((weights != 0) | (np.abs(grads) > delta))


def kkt_violation(weights, grads, lam):
    """Return, for each weight, (d,), by how much it breaks the conditions of the optimum.

    At w != 0 the gradient must be -lam sign(w); at w = 0 it must lie in [-lam, lam].
    """
    at_zero = np.maximum(np.abs(grads) - lam, 0)
    return np.where(weights == 0, at_zero, np.abs(grads + lam * np.sign(weights)))


def random_skip(values, keep, rng):
    """Return (indices, values) of about a share `keep` of `values`, (m,), divided by `keep`.

    What is kept is enlarged by as much as is left out, so its mean over `rng` is `values`.
    """
    if not 0 < keep <= 1:
        raise ValueError(f"keep must be above 0 and at most 1, got {keep!r}")
    kept = np.flatnonzero(rng.random(values.size) < keep)
    return kept, values[kept] / keep


def to_16_bits(values):
    """Return `values` as float16: 2 bytes each, off by a factor of at most 2**-11.

    That holds from 2**-14 up; below, by at most 2**-25. Above 65504 it would be inf: ValueError.
    """
    if values.size and not np.abs(values).max() <= 65504:
        raise ValueError(f"float16 ends at 65504, got {np.abs(values).max()}")
    return values.astype(np.float16)


def from_16_bits(values, dtype):
    """Return float16 `values` in `dtype`: exact."""
    return values.astype(dtype)

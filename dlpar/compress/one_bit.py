"""One bit an element, and for each column the mean of what lies on either side of zero.

A column is a stretch of neighbours in the vector. (For a weight matrix that is stored row by row
`columns.columns_of` gives the order in which its columns lie in a row.)

Payload: ceil(n / 32) words, bit i % 32 of word i // 32 = whether v[i] >= 0, the columns' bits one
after another without a gap; then for each column two float32: the mean of its elements below zero,
and the mean of the others, 0.0 for the mean of none.
Header: a = length of a column (the last may be shorter), b = 0; where columns differ, a = 0 and
b = crc32 of their lengths as little-endian int64, which the receiver has to know.

Sums are taken in a stated order, so that faster code can find the same bits: LANES of them, the
i-th element of a column in lane i % LANES, then the upper half of the lanes added to the lower.
Source: Seide, Fu, Droppo, Li & Yu, Interspeech 2014, section 3.2.
"""

import zlib

import numpy as np

from dlpar.compress.bits import WORDS, pack_bits, spare_bits_are_clear, unpack_bits, words_for
from dlpar.compress.wire import HEADER, pack, require, split, unpack, vector

LANES = 32
COMPILED_FROM = 2**18  # elements; for fewer, compiling the loops takes longer than it saves
MEAN = np.dtype("<f4")


def one_bit_bytes(n, column=512):
    """Return the bytes of a message for n elements: n/8 and 8 a column, and the header.

    column : the length of a column, or the lengths of all.
    """
    return HEADER + 4 * words_for(n) + 8 * len(column_lengths(n, column))


class OneBit:
    """v -> signs and two means a column. NaN and infinity are refused, and sums that overflow."""

    def __init__(self, column=512):
        """Take the length of a column, or the lengths of all columns, (c,) integers of 1 or more.

        Longer columns cost fewer bytes; shorter ones leave a smaller error.
        """
        lengths = np.atleast_1d(column)
        if lengths.size == 0 or lengths.dtype.kind not in "iu" or lengths.min() < 1:
            raise ValueError(f"a column has 1 or more elements, got {column!r}")
        self.column = int(column) if np.ndim(column) == 0 else lengths.astype("<i8")

    def encode(self, v):
        """Return the message of v, (n,) float32 or float64. Raises ValueError if not finite."""
        v = vector(v)
        lengths = column_lengths(v.size, self.column)
        with np.errstate(over="ignore", invalid="ignore"):  # found below
            means = column_means(v, lengths).astype(MEAN)
        if not np.isfinite(means).all():
            raise ValueError("one bit carries no NaN, no infinity and no sum that overflows")
        return pack("one_bit", v, *self._marks(), pack_bits(v >= 0), means)

    def tell(self, g, residual):
        """Return (message of g + residual, what it leaves), by the shorter way if n is large.

        g, residual : (n,) of one dtype, not modified. Raises ValueError if the sum is not finite.
        """
        if not compiled_pays(g):
            v = g + residual
            message = self.encode(v)
            return message, v - self.decode(message)
        from dlpar.compress import fast_one_bit

        left = np.empty_like(g)
        words, means = fast_one_bit.encode(g, residual, self.column, left)
        return pack("one_bit", left, *self._marks(), words.astype(WORDS), means.astype(MEAN)), left

    def add(self, message, total):
        """Add to `total`, (n,) of the message's dtype, what the message tells."""
        if not compiled_pays(total):
            total += self.decode(message)
            return
        from dlpar.compress import fast_one_bit

        head, words, means = self._read(message)
        require(head.dtype == total.dtype, f"the message is of {head.dtype}")
        require(head.n == total.size, f"the message has {head.n} elements")
        fast_one_bit.decode_add(
            words.astype(np.uint32), means.reshape(-1, 2).astype(np.float32), self.column, total
        )

    def decode(self, message):
        """Return what `message` tells, (n,) of the dtype that was encoded; WireError if damaged."""
        head, words, means = self._read(message)
        lengths = column_lengths(head.n, self.column)
        low, high = np.repeat(means.astype(head.dtype).reshape(-1, 2), lengths, axis=0).T
        return np.where(unpack_bits(words, head.n), high, low)

    def _read(self, message):
        """Return (header, words, means) of a message; WireError if it is damaged."""
        head, payload = unpack(message, "one_bit")
        require((head.a, head.b) == self._marks(), "these are columns of other lengths")
        whole = isinstance(self.column, int) or self.column.sum() == head.n
        require(whole, f"these columns are not those of {head.n} elements")
        require(head.n <= 8 * payload.size, f"{head.n} bits need more bytes")
        lengths = column_lengths(head.n, self.column)
        words, means = split(payload, (WORDS, words_for(head.n)), (MEAN, 2 * len(lengths)))
        require(spare_bits_are_clear(words, head.n), "bits beyond the last element are set")
        require(np.isfinite(means).all(), "a mean is not finite")
        return head, words, means

    def nbytes(self, n):
        """Return the bytes of a message for n elements."""
        return one_bit_bytes(n, self.column)

    def _marks(self):
        if isinstance(self.column, int):
            return self.column, 0
        return 0, zlib.crc32(self.column.data)


def compiled_pays(x):
    """Tell whether the loops of `fast_one_bit` take x, and are worth compiling for it."""
    return x.size >= COMPILED_FROM and x.dtype == np.float32 and x.flags.c_contiguous


def column_lengths(n, column):
    """Return the lengths, (c,) int64, of the columns of n elements: `column` each, or as given."""
    if np.ndim(column):
        if np.sum(column) != n:
            raise ValueError(f"the columns have {np.sum(column)} elements, the vector has {n}")
        return np.asarray(column, np.int64)
    lengths = np.full(-(-n // column), column, np.int64)
    if n % column:
        lengths[-1] = n % column
    return lengths


def column_means(v, lengths):
    """Return for each column the mean of its v < 0 and of its v >= 0: (c, 2) of v's dtype.

    The mean of none is 0. NaN counts among the v < 0, and their mean is NaN.
    """
    means = np.zeros((len(lengths), 2), v.dtype)
    start = 0
    for length, count in runs(lengths):
        some = v[start : start + length * count].reshape(count, length)
        below = ~(some >= 0)
        first = np.searchsorted(np.cumsum(lengths) - lengths, start)
        for side, chosen in enumerate((below, ~below)):
            amount = chosen.sum(axis=1).astype(v.dtype)
            total = lane_sums(np.where(chosen, some, v.dtype.type(0)))
            means[first : first + count, side] = total / np.maximum(amount, 1)
        start += length * count
    return means


def runs(lengths):
    """Yield (length, how many times in a row) over `lengths`."""
    edges = np.flatnonzero(np.diff(lengths)) + 1
    for some in np.split(lengths, edges):
        if some.size:
            yield int(some[0]), some.size


def lane_sums(rows):
    """Return the sum of each row of (count, length), in the order of the module's docstring."""
    count, length = rows.shape
    steps = max(1, -(-length // LANES))
    padded = np.zeros((count, steps * LANES), rows.dtype)
    padded[:, :length] = rows
    padded = padded.reshape(count, steps, LANES)
    lanes = padded[:, 0].copy()
    for step in range(1, steps):
        lanes += padded[:, step]
    while lanes.shape[1] > 1:
        half = lanes.shape[1] // 2
        lanes = lanes[:, :half] + lanes[:, half:]
    return lanes[:, 0]

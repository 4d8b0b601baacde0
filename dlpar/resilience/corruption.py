"""Silent corruption: a bit that flips and tells nobody; what finds it, and what can not.

  check              sees                                  does not see                 costs
  ChecksummedComm    a message changed on its way          what was wrong before Send   4 bytes each
  suspects           replicas that differ, and which       what all replicas share      4 p bytes
  locate             where in the vector they differ       the same                   4 p lg n bytes
  sum_is_conserved   an allreduce that added up wrongly    low bits; wrong addends      24 bytes
  audit              a wrong addend, and on which ranks    steps that are not sampled   a gradient

A flip in the weights makes replicas differ. A flip in one rank's gradient before the allreduce does
not: all replicas take the same wrong step. Only computing it a second time finds that.
Source: Huang & Abraham, IEEE Trans. Computers C-33 (1984), for the sum that is carried along.
"""

from collections import Counter

import numpy as np

from dlpar.data_parallel.synchronous import checksum
from dlpar.world.constants import MAX, SUM, Status


class Corrupted(RuntimeError):
    """A message that came was not the one that was sent."""


def flip_bit(x, element, bit):
    """Flip bit `bit` of x[element] in place; 0 is the mantissa's last, the highest is the sign.

    x : (n,) contiguous array. Of float32, 0..22 are the mantissa, 23..30 the exponent, 31 the sign.
    Raises ValueError for a bit or element that x does not have.
    """
    if x.ndim != 1 or not x.flags.c_contiguous:
        raise ValueError(f"flip_bit needs a contiguous (n,) array, got shape {x.shape}")
    if not (0 <= element < x.size and 0 <= bit < 8 * x.itemsize):
        raise ValueError(f"no bit {bit} of element {element} in {x.size} of {x.dtype}")
    at = element * x.itemsize + bit // 8  # little-endian, as all that this runs on
    x.view(np.uint8)[at] ^= np.uint8(1 << bit % 8)


def corrupting(exchange, rank, step, element, bit):
    """Return an exchanger that flips a bit of `rank`'s gradient before its call number `step`.

    exchange : function (grads, comm) -> sum.  step : counted from 0, each rank's own calls.
    """
    calls = 0

    def corrupted(grads, comm):
        nonlocal calls
        if comm.rank == rank and calls == step:
            grads = grads.copy()
            flip_bit(grads, element, bit)
        calls += 1
        return exchange(grads, comm)

    return corrupted


class ChecksummedComm:
    """A communicator whose messages carry a CRC-32; it has Send, Recv and Sendrecv.

    comm : what carries them.  damage : None, or a function (wire, dest, nth) called with each
    message's bytes, (nbytes + 4,) uint8, which it may change as a bad cable would; nth from 0.
    Cost: 4 bytes a message, a copy and a pass over it on either side.
    """

    def __init__(self, comm, damage=None):
        self.comm, self.rank, self.size = comm, comm.rank, comm.size
        self.damage, self.sent = damage, 0

    def Send(self, x, dest, tag=0):
        """Send `x`, an array, with its checksum."""
        self.comm.Send(self._wire(x, dest), dest=dest, tag=tag)

    def Recv(self, x, source, tag=0, status=None):
        """Receive into `x`, an array as large as the message; raise Corrupted if it was changed."""
        wire = np.empty(x.nbytes + 4, np.uint8)
        status = Status() if status is None else status
        self.comm.Recv(wire, source=source, tag=tag, status=status)
        self._take(wire, x, status.Get_source())

    def Sendrecv(self, x, dest, sendtag=0, recvbuf=None, source=0, recvtag=0):
        """Send `x` and receive into `recvbuf`; raise Corrupted if what came was changed."""
        wire, got = self._wire(x, dest), np.empty(recvbuf.nbytes + 4, np.uint8)
        self.comm.Sendrecv(
            wire, dest=dest, sendtag=sendtag, recvbuf=got, source=source, recvtag=recvtag
        )
        self._take(got, recvbuf, source)

    def _wire(self, x, dest):
        x = np.ascontiguousarray(x)
        crc = np.array([checksum(x)], np.uint32)
        wire = np.concatenate([x.reshape(-1).view(np.uint8), crc.view(np.uint8)])
        if self.damage is not None:
            self.damage(wire, dest, self.sent)
        self.sent += 1
        return wire

    def _take(self, wire, x, source):
        if checksum(wire[:-4]) != wire[-4:].view(np.uint32)[0]:
            raise Corrupted(f"rank {self.rank}: a message of rank {source} was changed on its way")
        x[...] = wire[:-4].view(x.dtype).reshape(x.shape)


def suspects(params, comm):
    """Return the ranks whose bits in `params` are not the majority's: () if all agree.

    None if no checksum is held by more than half of the ranks: with two replicas that differ,
    nobody can say which is right. All ranks return the same. Cost: an Allgather of 4 bytes a rank.
    """
    sums = _gathered(checksum(params), comm)
    common, votes = Counter(sums).most_common(1)[0]
    if 2 * votes <= comm.size:
        return None
    return tuple(rank for rank, crc in enumerate(sums) if crc != common)


def locate(params, comm, block=1):
    """Return the first slice of at most `block` elements in which replicas differ, or None.

    params : (n,) array, on every rank. All ranks return the same.
    A binary search: does the left half differ? Cost: 1 + lg(n / block) Allgathers of 4 bytes a
    rank, and about two passes over params. What it finds can be copied from a rank of the majority.
    """
    start, stop = 0, params.size
    if _agree(params, comm):
        return None
    while stop - start > block:  # the replicas differ in start .. stop-1, not before
        middle = (start + stop) // 2
        if _agree(params[start:middle], comm):
            start = middle
        else:
            stop = middle
    return slice(start, stop)


def sum_is_conserved(x, total, comm):
    """Tell whether `total` is the sum of every rank's `x`, as far as rounding lets one tell.

    x, total : (n,) float arrays; total on all ranks. The sum of the sums must be the sum of total.
    A false alarm is impossible: what p additions of each element may round away is allowed for,
    p eps sum |x| (and the sums' own roundings, in float64). So a flip below that passes: in a low
    bit, in small elements. A flip before this looks at x is in both sums, and passes too.
    Cost: an Allreduce of 16 bytes, one of 8, and two passes over n.
    """
    parts = np.array([x.sum(dtype=np.float64), np.abs(x).sum(dtype=np.float64)])
    sums = np.empty_like(parts)
    comm.Allreduce(parts, sums, op=SUM)
    eps = float(np.finfo(x.dtype).eps) + 4 * x.size * float(np.finfo(np.float64).eps)
    with np.errstate(invalid="ignore", over="ignore"):
        away = abs(float(total.sum(dtype=np.float64)) - float(sums[0]))
    wrong = np.array([not away <= comm.size * eps * float(sums[1])], np.int64)  # nan is wrong
    worst = np.empty_like(wrong)
    comm.Allreduce(wrong, worst, op=MAX)
    return not worst[0]


def audit(grads, again, comm):
    """Compute each rank's gradient a second time on its right neighbour; return who may be wrong.

    grads : (d,) this rank's gradient, as it goes into the allreduce.
    again : function of a rank -> the gradient that this rank should have: a pure function of the
        weights and that rank's examples, bit for bit.
    Returns a tuple of pairs (owner, auditor) that differ, the same on all ranks: one of the two is
    wrong. A rank that is wrong twice is in two pairs, and so is named.
    Cost: a gradient's computation on every rank, an Allgather of 8 bytes a rank. Audit a share s of
    the steps, and a rank that always errs is found after 1/s steps on average, a single flip
    with probability s.
    """
    p = comm.size
    claimed = _gathered(checksum(grads), comm)
    found = _gathered(checksum(again((comm.rank - 1) % p)), comm)
    return tuple((r, (r + 1) % p) for r in range(p) if claimed[r] != found[(r + 1) % p])


def _gathered(crc, comm):
    """Return every rank's `crc`, as a list of ints."""
    sums = np.empty(comm.size, np.uint32)
    comm.Allgather(np.array([crc], np.uint32), sums)
    return sums.tolist()


def _agree(x, comm):
    return len(set(_gathered(checksum(x), comm))) == 1

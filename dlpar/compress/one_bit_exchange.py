"""One bit an element over the network: Seide's exchange, with two roundings and two residuals."""

import numpy as np

from dlpar.collectives import ring_allreduce
from dlpar.collectives.chunks import even_slices
from dlpar.compress.feedback import tell
from dlpar.compress.one_bit import OneBit, column_lengths
from dlpar.compress.routes import length, to_all


class OneBitExchange:
    """Seide's exchange: bits to the owners, who add up, round to bits again, and send to all.

    Rank k owns about 1/p of the columns. Both roundings have a residual: `worker`, (n,), of what
    this rank could not tell the owners, and `owner`, of what it, as an owner, could not tell all.
    Bytes that a rank sends: `one_bit_exchange_bytes`: about n/4 however many ranks there are.
    Source: Seide et al., Interspeech 2014, section 3.3.
    """

    def __init__(self, column=512, order=None, warm_up=0, feedback=True, delayed=False):
        """Plan the exchange.

        column : the length of a column, or the lengths of all.
        order : (n,) indices that bring columns together; `columns_of(model)` gives both.
        warm_up : so many calls at first add up full floats: bits come when gradients are calmer.
        feedback : keep the residuals.
        delayed : double buffering: a call returns the sum of the call before (first zeros), while
            this one's bits travel to the owners. `flush(comm)` gives the last. A warm-up first is
            not delayed.
        """
        self.column, self.order, self.warm_up = column, order, warm_up
        self.feedback, self.delayed = feedback, delayed
        self.calls, self.worker, self.owner = 0, None, None
        self._under_way = None

    def __call__(self, grads, comm):
        """Return the sum of all ranks' grads, (n,) of their dtype, as far as bits tell it."""
        self.calls += 1
        if self.calls <= self.warm_up:
            return ring_allreduce(grads, comm)
        v = grads if self.order is None else grads[self.order]
        shares, codes = _shares(v.size, comm.size, self.column)
        self._mine = shares[comm.rank]
        if self.worker is None:
            self.worker, self.owner = np.zeros_like(v), np.zeros_like(v[self._mine])
        told = [tell(codes[k], v[share], self.worker[share]) for k, share in enumerate(shares)]
        before = self.flush(comm, grads) if self.delayed else None
        self._set_out([message for message, _ in told], shares, codes, comm)
        if self.feedback:
            self.worker = np.concatenate([residual for _, residual in told])
        return before if self.delayed else self.flush(comm, grads)

    def flush(self, comm, like):
        """Finish the exchange under way; return its sum, or zeros, as `like`, if there is none."""
        if self._under_way is None:
            return np.zeros_like(like)
        (messages, requests, shares, codes), self._under_way = self._under_way, None
        for request in requests:
            request.Wait()
        r, mine = comm.rank, shares[comm.rank]
        total = np.zeros(mine.stop - mine.start, like.dtype)
        for message in messages:  # in the order of ranks
            codes[r].add(message, total)
        answer, residual = tell(codes[r], total, self.owner)
        if self.feedback:
            self.owner = residual
        out = np.empty_like(like)
        sizes = [code.nbytes(length(share)) for code, share in zip(codes, shares, strict=True)]
        for k, message in enumerate(to_all(answer, sizes, comm)):
            out[shares[k]] = codes[k].decode(message)
        return out if self.order is None else _back(out, self.order)

    def _set_out(self, messages, shares, codes, comm):
        """Send each owner its message, and open boxes for those that are for this rank."""
        p, r = comm.size, comm.rank
        size = codes[r].nbytes(length(shares[r]))
        boxes = [messages[r] if q == r else np.empty(size, np.uint8) for q in range(p)]
        others = [(r + s) % p for s in range(1, p)]
        requests = [comm.Irecv(boxes[q], source=q) for q in others]
        requests += [comm.Isend(messages[q], dest=q) for q in others]
        self._under_way = boxes, requests, shares, codes

    def state(self):
        """Return {"worker": (n,), "owner": (n,), "calls": ()}: arrays, for np.savez.

        `owner` is 0 outside this rank's share, so that states of different p fit together. Raises
        RuntimeError while a delayed exchange is under way: flush it first.
        """
        if self._under_way is not None:
            raise RuntimeError("an exchange is under way: flush it before the state is saved")
        state = {"calls": np.array(self.calls)}
        if self.worker is not None:
            state |= {"worker": self.worker.copy(), "owner": self._owner_at_home()}
        return state

    def _owner_at_home(self):
        wide = np.zeros_like(self.worker)
        wide[self._mine] = self.owner
        return wide

    def restore(self, comm, *states):
        """Go on from this rank's state, and from those of ranks that left, over `comm`.

        Where a rank's share is another one than before, what it owed as an owner is added to what
        it owes as a worker: it comes to the sum one rounding later, and nothing is lost.
        """
        self.calls = max((int(state["calls"]) for state in states), default=0)
        kept = [state for state in states if "worker" in state]
        if not kept:
            self.worker = self.owner = None
            return
        n = kept[0]["worker"].size
        self._mine = _shares(n, comm.size, self.column)[0][comm.rank]
        self.worker = np.array(kept[0]["worker"])
        self.owner = np.array(kept[0]["owner"][self._mine])
        owed = np.array(kept[0]["owner"])
        owed[self._mine] = 0
        self.worker += owed
        for state in kept[1:]:
            self.worker += state["worker"]
            self.worker += state["owner"]


def one_bit_exchange_bytes(n, p, column=512):
    """Return the bytes that each of p ranks sends in one call, a list: bits out, bits home."""
    shares, codes = _shares(n, p, column)
    sizes = [code.nbytes(length(share)) for code, share in zip(codes, shares, strict=True)]
    return [sum(sizes) - own + (p - 1) * own for own in sizes]


def _shares(n, p, column):
    """Return p slices of whole columns, and a OneBit for each."""
    lengths = column_lengths(n, column)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    slices, codes = [], []
    for columns in even_slices(len(lengths), p):
        slices.append(slice(int(ends[columns.start]), int(ends[columns.stop])))
        given = column if np.ndim(column) == 0 else lengths[columns]
        codes.append(OneBit(given if np.size(given) else 1))  # a share may be empty
    return slices, codes


def _back(v, order):
    """Return v in the order before it was v[order]."""
    out = np.empty_like(v)
    out[order] = v
    return out

"""The frames of a chunk grid, read off a real run: whose contributions each sum holds, and when."""

import math
from collections import defaultdict
from typing import NamedTuple

import numpy as np

from dlpar.figures.svg import counted
from dlpar.world import Network, simulate

MOST = 8  # ranks and chunks: more have no room in a figure
_ONE_AT_A_TIME = Network(alpha=0.0, beta=1.0, eager_limit=math.inf)  # s: sizes are all that counts


class Move(NamedTuple):
    """A chunk on its way from rank to rank."""

    source: int
    dest: int
    chunk: int


class Frame(NamedTuple):
    """The state after one step: `held[rank][chunk]` is the set of ranks summed in that place."""

    held: list[list[frozenset[int]]]
    moves: list[Move]  # what was sent in the step that led here
    caption: str


def frames_of(allreduce, ranks, chunks=None):
    """Run `allreduce(x, comm)` in `simulate` and return the `Frame`s of that run.

    Rank r contributes 2^r to each sum, and chunk c is scaled by 2^(ranks c): then every number
    that is sent tells, exactly, which chunk it is and which ranks are in it. A rank's link carries
    one message at a time, each in a time proportional to its size, and messages that arrive at the
    same virtual time make one step. A sum that arrives is added to what lies there if it
    brings only ranks that are new, and replaces it otherwise; what the ranks return must agree
    with that to the bit.

    allreduce : called on each rank with x, (chunks,) float64; must send slices of such sums with
        Send, Isend or Sendrecv.
    ranks : 1 to 8.   chunks : elements of x, 1 to 8; default: `ranks`.

    Raises ValueError if a size is out of range, or if the results are not what was sent.
    """
    chunks = ranks if chunks is None else chunks
    for name, count in (("ranks", ranks), ("chunks", chunks)):
        if not 1 <= count <= MOST:
            raise ValueError(f"frames_of needs {name} from 1 to {MOST}, got {count!r}")
    sent = defaultdict(list)  # (source, dest): the payload of each message, in the order sent

    def program(comm):
        x = 2.0 ** (comm.rank + ranks * np.arange(chunks))
        return allreduce(x, _Listening(comm, sent))

    outcome = simulate(program, ranks, network=_ONE_AT_A_TIME)
    payloads = {pair: iter(values) for pair, values in sent.items()}
    messages = [(m.received, m, next(payloads[m.source, m.dest])) for m in outcome.trace.messages]
    received = [arrival for arrival in messages if not math.isnan(arrival[0])]
    arrivals = sorted(received, key=lambda arrival: arrival[0])
    held = [[frozenset({r})] * chunks for r in range(ranks)]
    frames = [Frame([row[:] for row in held], [], "Each rank holds its own contribution.")]
    for group in _together(arrivals):
        moves = []
        for _, m, values in group:
            for value in values:
                chunk, new = _decode(value, ranks)
                old = held[m.dest][chunk]
                held[m.dest][chunk] = new if new & old else new | old
                moves.append(Move(m.source, m.dest, chunk))
        done = sum(len(cell) == ranks for row in held for cell in row)
        news = f"{counted(len(group), 'message')}, {counted(done, 'finished sum')}"
        frames.append(Frame([row[:] for row in held], moves, f"Step {len(frames)}: {news}."))
    _check(outcome.results, held, ranks, allreduce)
    return frames


class _Listening:
    """A communicator that remembers what was sent and passes every call on."""

    def __init__(self, comm, sent):
        self._comm, self._sent = comm, sent

    def __getattr__(self, name):
        call = getattr(self._comm, name)
        if name not in ("Send", "Isend", "Sendrecv"):
            return call

        def listening(buffer, dest, *args, **kwargs):
            self._sent[self._comm.rank, dest].append(np.ravel(buffer).tolist())
            return call(buffer, dest, *args, **kwargs)

        return listening


def _together(arrivals):
    """Group arrivals of one virtual time; times that differ by rounding alone are one time."""
    groups = []
    for arrival in arrivals:
        if groups and arrival[0] - groups[-1][-1][0] <= 1e-9 * arrival[0]:
            groups[-1].append(arrival)
        else:
            groups.append([arrival])
    return groups


def _decode(value, ranks):
    """Return (chunk, ranks in the sum) of a number that `frames_of` put into the run."""
    if not value > 0:
        raise ValueError(f"frames_of met {value!r}, which is no sum of contributions")
    chunk = int(np.log2(value)) // ranks
    bits = value / 2.0 ** (chunk * ranks)
    if bits != int(bits):
        raise ValueError(f"frames_of met {value!r}, which is no sum of contributions")
    return chunk, frozenset(r for r in range(ranks) if int(bits) >> r & 1)


def _check(results, held, ranks, allreduce):
    for r, result in enumerate(results):
        for value in np.ravel(result):
            chunk, got = _decode(value, ranks)
            if got != held[r][chunk]:
                name = getattr(allreduce, "__name__", allreduce)
                raise ValueError(
                    f"frames_of cannot follow {name}: in chunk {chunk} rank {r} returned the "
                    f"ranks {sorted(got)}, its messages say {sorted(held[r][chunk])}"
                )

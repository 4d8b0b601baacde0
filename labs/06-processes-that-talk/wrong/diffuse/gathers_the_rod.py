"""Every rank gets the whole rod in order to see two numbers."""

import numpy as np

CAUGHT = r"parts of \(4, 4\) elements: rank 0 called Allgather"


def diffuse(x, steps, comm):
    p, r = comm.size, comm.rank
    lengths = np.empty(p, np.int64)
    comm.Allgather(np.array([x.size]), lengths)
    longest = int(lengths.max())
    for _ in range(steps):
        rows = np.empty((p, longest))
        comm.Allgather(np.pad(x, (0, longest - x.size)), rows)
        whole = np.concatenate([row[:n] for row, n in zip(rows, lengths, strict=True)])
        whole = np.pad(whole, 1)
        start = int(lengths[:r].sum())
        part = whole[start : start + x.size + 2]
        x = (part[:-2] + 2 * part[1:-1] + part[2:]) / 4
    return x

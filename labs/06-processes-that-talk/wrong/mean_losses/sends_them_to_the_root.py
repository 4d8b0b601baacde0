"""Messages to rank 0 and back in place of a collective."""

import numpy as np

CAUGHT = r"rank \d sent \d+ messages?, par is 0"


def mean_losses(losses, comm):
    p, most = comm.size, 64
    row = np.full(most, np.nan)
    row[: len(losses)] = losses
    rows = np.empty((p, most))
    if comm.rank > 0:
        comm.Send(row, dest=0)
        comm.Recv(row, source=0)
        return row[~np.isnan(row)]
    rows[0] = row
    for r in range(1, p):
        comm.Recv(rows[r], source=r)
    longest = int((~np.isnan(rows)).sum(axis=1).max())
    row[:longest] = np.nanmean(rows[:, :longest], axis=0) if longest else row[:0]
    for r in range(1, p):
        comm.Send(row, dest=r)
    return row[:longest]

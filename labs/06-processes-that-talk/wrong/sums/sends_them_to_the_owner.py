"""No collective, no order: every rank sends every gradient to its owner."""

import numpy as np

CAUGHT = r"gradients of \(3, 3\) numbers: rank 0 sent 1 message, par is 0"


def sums(gradients, comm):
    mine, requests = {}, []
    for i, name in enumerate(sorted(gradients)):
        if comm.rank != i % comm.size:
            requests.append(comm.Isend(gradients[name], dest=i % comm.size, tag=i))
    for i, name in enumerate(sorted(gradients)):
        if comm.rank == i % comm.size:
            mine[name], inbox = gradients[name].copy(), np.empty_like(gradients[name])
            for r in range(comm.size):
                if r != comm.rank:
                    comm.Recv(inbox, source=r, tag=i)
                    mine[name] += inbox
    if requests:
        requests[0].Waitall(requests)
    return mine

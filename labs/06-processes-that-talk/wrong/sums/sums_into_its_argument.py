"""Reduces into the gradient itself: the caller's is gone."""

CAUGHT = r"gradients of \(3, 3\) numbers: rank 0's own array was changed"


def sums(gradients, comm):
    mine = {}
    for i, name in enumerate(sorted(gradients)):
        comm.Reduce(gradients[name].copy(), gradients[name], root=i % comm.size)
        if comm.rank == i % comm.size:
            mine[name] = gradients[name]
    return mine

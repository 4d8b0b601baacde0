"""Saves the second array, and the caller's is gone."""

CAUGHT = r"p=4, k=2, n=3: (rank 0's own array was changed|rank \d returned)"


def rotate(x, k, comm):
    p, r = comm.size, comm.rank
    if k % p == 0:
        return x
    request = comm.Isend(x.copy(), dest=(r + k) % p)
    comm.Recv(x, source=(r - k) % p)
    request.Wait()
    return x

"""Gossip: nobody averages over all; everybody averages with its neighbours.

Source: Lian et al., Can decentralized algorithms outperform centralized algorithms?, NIPS 2017.
"""

import numpy as np


def ring_mixing(p):
    """Return the weights of gossip on a ring, (p, p): a third for each neighbour and oneself.

    With p = 2 both neighbours are one rank, with p = 1 oneself.
    """
    mixing = np.eye(p) / 3
    for r in range(p):
        mixing[r, (r - 1) % p] += 1 / 3
        mixing[r, (r + 1) % p] += 1 / 3
    return mixing


def gossip_rounds(params, gradient, rounds, comm, mixing, lr):
    """Run D-PSGD for `rounds`; return this rank's `params`: the models stay different.

    params : (d,), this rank's model.  Changed in place, and returned.
    gradient : function (params, round) -> (d,) gradient at params.
    mixing : (p, p), symmetric, rows sum to 1; rank r talks to those s with mixing[r, s] > 0.
    lr : learning rate.

    A round: w_r <- sum over s of mixing[r, s] * w_s - lr * g_r, with g_r at the old w_r.
    Raises ValueError before any message if `mixing` is not symmetric with rows that sum to 1.
    Cost: a message of d elements to each neighbour a round; the ranks' mean moves as in SGD.
    """
    mixing = np.asarray(mixing, float)
    p, r = comm.size, comm.rank
    if mixing.shape != (p, p) or not np.allclose(mixing, mixing.T):
        raise ValueError(f"mixing must be symmetric ({p}, {p}), got shape {mixing.shape}")
    if not np.allclose(mixing.sum(axis=1), 1):
        raise ValueError("every row of mixing must sum to 1")
    neighbours = [s for s in range(p) if s != r and mixing[r, s]]
    inbox = {s: np.empty_like(params) for s in neighbours}
    for k in range(rounds):
        slope = gradient(params, k)
        told = params.copy()
        requests = [comm.Irecv(inbox[s], source=s) for s in neighbours]
        requests += [comm.Isend(told, dest=s) for s in neighbours]
        for request in requests:
            request.Wait()
        params *= mixing[r, r]
        for s in neighbours:
            params += mixing[r, s] * inbox[s]
        params -= lr * slope
    return params


def consensus_rate(mixing):
    """Return the factor by which a round of gossip shrinks the ranks' distance from their mean.

    It is the second largest absolute eigenvalue: for a ring 1 - O(1 / p**2).
    """
    values = np.sort(np.abs(np.linalg.eigvalsh(np.asarray(mixing, float))))
    return float(values[-2]) if len(values) > 1 else 0.0

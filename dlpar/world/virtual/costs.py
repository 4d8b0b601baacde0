"""What MPI's own collectives cost in simulation: the formula of each one's standard algorithm."""


def collective_seconds(name, p, nbytes, network):
    """Return the time from the last rank's call to the end of the collective `name`, in s.

    p : ranks.  nbytes : bytes that one rank contributes (alltoall: to each other rank).
    Source: Thakur, Rabenseifner and Gropp, IJHPCA 2005, section 4; the better of the short and
    the long algorithm where there are two. Contention with other messages is not counted.
    """
    alpha, load = network.alpha, nbytes * network.beta
    rounds = (p - 1).bit_length()  # ceil(lg p)
    whole = 2 * (p - 1) / p * load
    name = name.removesuffix("v")  # blocks that differ cost what the largest would
    if name in ("Barrier", "Split", "Dup", "Create_cart", "Sub"):
        return rounds * alpha
    if name in ("Agree", "Shrink"):  # to a root and back, once the last has called
        return 2 * rounds * alpha
    if name == "Bcast":  # binomial tree; scatter and allgather
        return min(rounds * (alpha + load), (rounds + p - 1) * alpha + whole)
    if name in ("Reduce", "Allreduce"):  # trees of whole vectors; of halves
        return min(rounds * (alpha + load), 2 * rounds * alpha + whole)
    if name in ("Gather", "Scatter", "Allgather"):  # binomial; recursive doubling
        return rounds * alpha + (p - 1) * load
    if name == "Alltoall":  # pairwise exchange
        return (p - 1) * (alpha + load)
    raise ValueError(f"no cost is known for {name}")

"""What the 32 lanes of a warp do together, without shared memory and without a barrier."""

from dlpar.gpu import cuda

WARP = 32  # lanes
ALL = 0xFFFFFFFF  # the mask that names all of them
ROWS = 4  # warps in a block of [32, ROWS] threads; each takes one row of a matrix


@cuda.jit(device=True)
def warp_sum(v):
    """Return the sum of `v` over the warp, in every lane; all 32 lanes must call.

    After the exchange at distance d every lane holds the sum over its group of 32 / d lanes.
    Adds log2(32) = 5 times. Source: Luitjens, "Faster Parallel Reductions on Kepler", 2014.
    """
    distance = WARP // 2
    while distance > 0:
        v += cuda.shfl_xor_sync(ALL, v, distance)
        distance //= 2
    return v

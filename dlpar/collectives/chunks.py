"""Where the chunks of a vector begin and end."""

from itertools import pairwise


def even_slices(n, p):
    """Return p slices of n elements, those of `np.array_split`: the longer by one come first."""
    size, longer = divmod(n, p)
    return [slice(a, b) for a, b in pairwise(k * size + min(k, longer) for k in range(p + 1))]

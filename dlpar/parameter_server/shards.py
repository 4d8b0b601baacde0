"""Which server holds which part of the weights: each gets slices of the one flat vector."""

from dlpar.collectives.arguments import require_count
from dlpar.collectives.chunks import even_slices


def even_shards(d, servers):
    """Return, for each of `servers`, [its slice] of `d` weights: sizes differ by at most 1.

    Source: key ranges, Li et al., OSDI 2014, section 4.3.
    """
    require_count("servers", servers, "even_shards")
    return [[part] for part in even_slices(d, servers)]


def tensor_shards(parts, servers):
    """Return, for each of `servers`, the slices it holds if whole layers go round robin.

    parts : the layers' slices of the vector, as `Model.parts`. A layer with most of the weights
    makes its server hot: that one carries most of the bytes. Source: TensorFlow's
    `replica_device_setter` placed variables in this way.
    """
    require_count("servers", servers, "tensor_shards")
    whole = [part for part in parts if part.stop > part.start]
    return [whole[k::servers] for k in range(servers)]


def shard_size(shard):
    """Return how many weights the slices of one server hold together."""
    return sum(part.stop - part.start for part in shard)


def gather_shard(vector, shard, out):
    """Copy the slices `shard` of `vector`, (d,), one behind another into `out`."""
    start = 0
    for part in shard:
        stop = start + part.stop - part.start
        out[start:stop] = vector[part]
        start = stop


def spread_shard(values, shard, vector):
    """Copy `values`, as `gather_shard` made them, back into their slices of `vector`, (d,)."""
    start = 0
    for part in shard:
        stop = start + part.stop - part.start
        vector[part] = values[start:stop]
        start = stop

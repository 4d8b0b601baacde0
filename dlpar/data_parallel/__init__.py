"""Data parallelism: every worker holds the whole model and a share of the data.

An exchanger is a function (grads, comm) -> the sum of all ranks' grads. Every allreduce of
`dlpar.collectives` is one, and so is everything that sends less, later or elsewhere.
"""

from dlpar.data_parallel.backup import descend_with_backups
from dlpar.data_parallel.buckets import Buckets, bucket_slices, exposed_seconds
from dlpar.data_parallel.elastic import elastic_rounds, elastic_worker, hold_centre
from dlpar.data_parallel.factors import (
    FactorExchange,
    RelayedFactors,
    factor_bytes,
    relay_tree,
)
from dlpar.data_parallel.gossip import consensus_rate, gossip_rounds, ring_mixing
from dlpar.data_parallel.rounds import conservative_steps, local_steps, train_in_rounds
from dlpar.data_parallel.scaling import amdahl, fit_amdahl, fit_gustafson, gustafson
from dlpar.data_parallel.synchronous import broadcast_params, descend_together, replicas_agree

__all__ = [
    "Buckets",
    "FactorExchange",
    "RelayedFactors",
    "amdahl",
    "broadcast_params",
    "bucket_slices",
    "consensus_rate",
    "conservative_steps",
    "descend_together",
    "descend_with_backups",
    "elastic_rounds",
    "elastic_worker",
    "exposed_seconds",
    "factor_bytes",
    "fit_amdahl",
    "fit_gustafson",
    "gossip_rounds",
    "gustafson",
    "hold_centre",
    "local_steps",
    "relay_tree",
    "replicas_agree",
    "ring_mixing",
    "train_in_rounds",
]

"""Data parallelism: every worker holds the whole model and a share of the data.

An exchanger is a function (grads, comm) -> the sum of all ranks' grads. Every allreduce of
`dlpar.collectives` is one, and so is everything that sends less, later or elsewhere.
"""

from dlpar.data_parallel.backup import descend_with_backups
from dlpar.data_parallel.buckets import Buckets, bucket_slices, exposed_seconds
from dlpar.data_parallel.scaling import amdahl, fit_amdahl, fit_gustafson, gustafson
from dlpar.data_parallel.synchronous import broadcast_params, descend_together, replicas_agree

__all__ = [
    "Buckets",
    "amdahl",
    "broadcast_params",
    "bucket_slices",
    "descend_together",
    "descend_with_backups",
    "exposed_seconds",
    "fit_amdahl",
    "fit_gustafson",
    "gustafson",
    "replicas_agree",
]

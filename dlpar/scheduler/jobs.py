"""Jobs: how many GPUs each asks for, what a step of it computes, reads and exchanges; streams."""

import math
from dataclasses import dataclass, replace
from numbers import Integral, Real

import numpy as np

PATTERNS = ("ring", "all-to-all", "server", "none")


@dataclass(frozen=True)
class Job:
    """A training job: `steps` times, its GPUs read a batch, compute, and exchange gradients.

    The three follow one another: nothing is overlapped. All GPUs run at once or none (a gang).

    nbytes : bytes of the gradients, on each GPU.  pattern : how they are exchanged; "ring": a ring
    allreduce in the order of the GPUs; "all-to-all": each GPU sends nbytes / gpus to each other;
    "server": all push nbytes to the first GPU, then pull as many; "none": not at all.
    batch_bytes : what each GPU reads from its socket's host in a step.
    skew : share of nbytes that is in the largest tensor.
    """

    gpus: int
    steps: float
    compute: float  # s of a GPU, a step
    nbytes: float = 0.0
    pattern: str = "ring"
    batch_bytes: float = 0.0
    arrival: float = 0.0  # s
    name: str = "job"
    skew: float = 0.0

    def __post_init__(self):
        """Refuse what is no job."""
        if isinstance(self.gpus, bool) or not isinstance(self.gpus, Integral) or self.gpus < 1:
            raise ValueError(f"a Job needs gpus >= 1, got {self.gpus!r}")
        for what in ("steps", "compute", "nbytes", "batch_bytes", "arrival", "skew"):
            value = getattr(self, what)
            if not isinstance(value, Real) or not 0 <= value < math.inf:
                raise ValueError(f"a Job needs {what} of at least 0 and finite, got {value!r}")
        if not self.steps * self.compute > 0:
            raise ValueError(f"a Job needs work: {self.steps!r} steps of {self.compute!r} s")
        if self.pattern not in PATTERNS:
            raise ValueError(f"pattern must be one of {', '.join(PATTERNS)}, got {self.pattern!r}")

    @property
    def work(self):
        """GPU-seconds of computing: what it needs where reading and exchanging take no time."""
        return self.gpus * self.steps * self.compute


FLOPS = 1e13  # FLOP/s that a GPU sustains: declared, two thirds of a V100's FP32 peak
IMAGE = 224 * 224 * 3  # bytes of a decoded picture


def _network(name, parameters, macs, batch, skew):
    """Return a Job of one GPU and one step: forward and backward are 6 FLOP a multiply-add."""
    return Job(
        1, 1, 6 * macs * batch / FLOPS, 4 * parameters, batch_bytes=IMAGE * batch, name=name,
        skew=skew,
    )  # fmt: skip


# Parameters and multiply-adds of a picture: VGG-16 by counting (Simonyan & Zisserman, ICLR 2015;
# its first dense layer has 102,764,544 parameters); ResNet-50, He et al., CVPR 2016; MobileNet,
# Howard et al., arXiv:1704.04861, table 8. Batches are declared.
PROFILES = {
    job.name: job
    for job in (
        _network("vgg16", 138_357_544, 15.47e9, 32, 0.743),  # much to exchange
        _network("resnet50", 25_557_032, 4.1e9, 64, 0.092),
        _network("mobilenet", 4_200_000, 0.569e9, 128, 0.244),  # much to read for little computing
    )
}

SIZES = {1: 0.58, 2: 0.12, 4: 0.13, 8: 0.11, 16: 0.05, 32: 0.01}  # GPUs: share of the jobs


def profile(name, gpus, steps, arrival=0.0):
    """Return a Job of the network `name` in PROFILES."""
    return replace(PROFILES[name], gpus=gpus, steps=steps, arrival=arrival)


def job_stream(count, gpus, rng, load=0.9, median=1200.0, sigma=1.5, sizes=None, networks=None):
    """Return `count` jobs in the order of their arrival, a stream for a cluster of `gpus` GPUs.

    Assumed, in the shape of published traces and not in their numbers: sizes are powers of two and
    most jobs ask for one GPU; how long a job computes is log-normal, so that few jobs have most of
    the work; arrivals are Poisson, in a rate at which the jobs' work is `load` of what the GPUs
    could compute in the time of all arrivals.

    median, sigma : of the seconds of computing.  sizes : {GPUs: share}; by default SIZES up to
    `gpus`.  networks : names in PROFILES, equally likely; by default all.

    Source of the shape: Jeon et al., Analysis of large-scale multi-tenant GPU clusters, ATC 2019.
    """
    if count < 1 or not load > 0:
        raise ValueError(f"a stream needs jobs and a load above 0, got {count!r} and {load!r}")
    sizes = {k: share for k, share in (sizes or SIZES).items() if k <= gpus}
    shares = np.array(list(sizes.values())) / sum(sizes.values())
    asked = rng.choice(list(sizes), count, p=shares)
    names = rng.choice(list(networks or PROFILES), count)
    length = median * np.exp(sigma * rng.standard_normal(count))
    gap = (asked * length).sum() / (load * gpus) / count
    arrivals = np.cumsum(rng.exponential(gap, count))
    return [
        replace(
            PROFILES[name],
            gpus=int(k),
            steps=max(1, round(s / PROFILES[name].compute)),
            arrival=float(t),
            name=f"{name}-{i}",
        )
        for i, (name, k, s, t) in enumerate(zip(names, asked, length, arrivals, strict=True))
    ]

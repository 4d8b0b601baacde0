"""The claims themselves, in the order of the chapters."""

from functools import lru_cache, partial

from dlpar.claims import collectives, compression, failures, gpus, rounds, scheduling, servers
from dlpar.claims.claim import Claim
from dlpar.claims.large_batches import error_after
from dlpar.frameworks import seide
from dlpar.parameter_server.theory import largest_rate
from dlpar.resilience.goodput import daly_interval, young_interval

_error = lru_cache(error_after)


def error_times(variant, seeds):
    """Return the test error of a variant of the large batch, over the small batch's."""
    return _error(variant, seeds) / _error("small batch", seeds)


GPUS = (
    Claim("SIMT", "sectors a request, stride 8", 32,
          "NVIDIA, CUDA C++ Best Practices Guide: min(4 s, 32)", "calc", "counted",
          partial(gpus.sectors, 8), 0.0),
    Claim("Tensor cores", "where a sum of ones sticks in FP16", 2048,
          "IEEE 754, 11 bits of significand", "calc", "counted", gpus.half_sum_of_ones, 0.0),
    Claim("Roofline", "ridge of a V100 in FP32, FLOP/B", 17.4,
          "Williams et al., CACM 2009, with NVIDIA's data sheet", "calc", "counted",
          gpus.ridge, 0.01),
)  # fmt: skip

_GOYAL = "Goyal et al., arXiv:1706.02677, table {}"
_DIGITS = "1,437 digits for ImageNet, batch 128 for 8,192; the order is held"
LARGE_BATCHES = tuple(
    Claim("Large batches", f"error, {name}, over the small batch's", paper / 23.60,
          _GOYAL.format(table), "seen", "counted", partial(error_times, name, range(8)),
          note=_DIGITS)
    for name, paper, table in (
        ("gradual warm-up", 23.74, 1), ("no warm-up", 24.84, 1), ("constant warm-up", 25.88, 1),
        ("square root", 26.22, 2), ("fixed rate", 41.67, 2),
    )
)  # fmt: skip

COLLECTIVES = (
    Claim("NCCL", "8 bytes on 64 ranks, over 16", 631.3 / 163.4,
          "all_reduce_perf on 2 and 8 nodes of 8 V100, 2019", "seen", "virtual",
          partial(collectives.latency_growth, 16, 64), 0.1, "a ring: 126 steps over 30"),
    Claim("NCCL", "bus factor of an allreduce, p = 8", 1.75,
          "nccl-tests, doc/PERFORMANCE.md", "seen", "counted",
          partial(collectives.bus_factor, 8), 0.0),
    Claim("Caffe-MPI", "bytes in and out of the master, over a rank of the ring's, p = 8", 4,
          "2 (p - 1) n, over 2 (p - 1) n / p in and as many out", "calc", "counted",
          partial(collectives.root_over_ring, 8), 0.0),
)  # fmt: skip

ROUNDS = (
    Claim("SparkNet", "exchange at which rounds overtake splitting, over the formula's", 1,
          "Moritz et al., ICLR 2016, section 2: N (C/K + S) = M (tau C + S)", "calc", "virtual",
          rounds.crossover_ratio, 0.01, "N and M are those that our two runs need"),
    Claim("BMUF", "way of 8 averaged workers, over that of one", 1 / 8,
          "Chen & Huo, ICASSP 2016: why averages alone under-train", "calc", "counted",
          partial(rounds.travelled, 8, 0.0), note="1 / N on a straight way; ours has curves"),
    Claim("BMUF", "the same with block momentum 1 - 1/8", 1,
          "Chen & Huo, ICASSP 2016: 1 / (1 - eta) = N", "calc", "counted",
          partial(rounds.travelled, 8, 7 / 8), 0.15),
)  # fmt: skip

_LI = "Li et al., OSDI 2014, section 5.1"
_LI_NOTE = "800 workers and click data there, 8 and digits here; that it falls is held"
SERVERS = (
    Claim("Parameter server", "workers' time spent waiting, no delay, %", 50, _LI, "seen",
          "virtual", partial(servers.waiting, 0), note=_LI_NOTE),
    Claim("Parameter server", "the same, delay 16, %", 1.7, _LI, "seen",
          "virtual", partial(servers.waiting, 16), note=_LI_NOTE),
    Claim("Parameter server", "delay of the shortest run", 8, _LI, "seen", "virtual",
          servers.best_delay, note="that it lies between none and the longest is held"),
    *(
        Claim("Downpour", f"rate times curvature that diverges, delay {tau}", largest_rate(1, tau),
              "Levin & May, Theor. Popul. Biol. 9, 1976", "calc", "virtual",
              partial(servers.rate_found, tau), 0.02)
        for tau in (1, 4)
    ),
    Claim("Project Adam", "images at which a layer's vectors are as large as its gradient, 4096",
          2048, "Chilimbi et al., OSDI 2014, section 3.2: k (M + N) = M N", "calc",
          "counted", partial(servers.images_for_equal_bytes, 4096, 4096), 0.0),
)  # fmt: skip

_STREAM = "another cluster and another stream; "
SCHEDULING = (
    Claim("Topology-aware", "a step on the first free GPUs, over one placed by bipartition", 1.30,
          "Amaral et al., SC 2017, abstract", "seen", "virtual", scheduling.aware_gain,
          note="whole jobs on Power8 with P100s there; that it gains is held"),
    Claim("Tiresias", "mean JCT, first come first served over 2D-LAS", 5.5,
          "Gu et al., NSDI 2019, against the production's scheduler", "seen", "virtual",
          partial(scheduling.ratio, "FIFO", "2D-LAS", "mean JCT"),
          note=_STREAM + "that it gains is held"),
    Claim("Tiresias", "mean JCT, the state of the art over 2D-LAS", 2,
          "Gu et al., NSDI 2019", "seen", "virtual",
          partial(scheduling.ratio, "time-slicing", "2D-LAS", "mean JCT"),
          note=_STREAM + "ours is time-slicing, and as good: nothing is held"),
    Claim("Gandiva", "work done in a GPU's time, over first come first served", 1.26,
          "Xiao et al., OSDI 2018, abstract: 180 GPUs", "seen", "virtual",
          partial(scheduling.ratio, "packing", "FIFO", "goodput", True),
          note=_STREAM + "a full cluster, turns and two jobs on a GPU; that it gains is held"),
    Claim("TOPO-AWARE-P", "makespan, the better of pack and spread over waiting for a good place",
          1.30, "Amaral et al., SC 2017, abstract: up to", "seen", "virtual",
          scheduling.patient_gain,
          note="nodes like theirs, another stream; that it gains over both is held"),
)  # fmt: skip

_SEIDE = "Seide et al., Interspeech 2014, {}"
COMPRESSION = (
    Claim("1-bit SGD", "fewer bytes than floats by a ring, columns of 2,048", 32,
          _SEIDE.format("section 3: Z"), "seen", "counted", compression.fewer_bytes, 0.05,
          "the two means of a column and the headers are the rest"),
    Claim("1-bit SGD", "points more misread than with floats", 0.2, _SEIDE.format("table 2"),
          "seen", "counted", partial(compression.more_misread, "bits"),
          note="16.5 and 16.3 % of spoken words there; that it is within a point is held"),
    Claim("1-bit SGD", "largest missing entry by the printed residual, over the right one's",
          42 / 2.9, "the printed rule of section 3.2 executed, 400 steps", "calc", "counted",
          partial(compression.left_over, "printed"), 0.3, "another stream of noise"),
    *(
        Claim("1-bit SGD", f"speed of 8 GPUs over one, N = {frames:,}", paper,
              _SEIDE.format("table 5"), "seen", "counted", partial(seide.speedup, frames, 8), 0.3,
              "ours is the paper's own model, which hides all communication: always too kind")
        for frames, paper in ((2880, 3.6), (16384, 6.3))
    ),
    *(
        Claim("Poseidon", f"speed of 32 nodes over one, VGG19-22K, {name}", paper,
              "Zhang et al., USENIX ATC 2017, VGG19-22K in Caffe", "seen", "virtual",
              partial(compression.poseidon_speed_up, name), within, note)
        for name, paper, within, note in (
            ("Caffe + PS", 4.4, 0.05, "whole tensors pile up on one server"),
            ("Caffe + WFBP", 21.4, None, "ours hides all that can be hidden; the order is held"),
            ("Poseidon", 29.5, 0.1, "ours hides all that can be hidden"),
        )
    ),
)  # fmt: skip

FAILURES = (
    Claim("Checkpoints", "interval with the most goodput, over Young's", 1,
          "Young, CACM 17, 1974: sqrt(2 delta M)", "calc", "virtual",
          partial(failures.peak_over, young_interval), 0.2, "20,000 failures at Llama 3's rate"),
    Claim("Checkpoints", "the same, over Daly's", 1, "Daly, FGCS 22, 2006", "calc",
          "virtual", partial(failures.peak_over, daly_interval), 0.2),
    Claim("Llama 3", "effective training time, 419 stops in 54 days, %", 90,
          "Llama team, arXiv:2407.21783, section 3.3.4: more than", "mem", "virtual",
          failures.effective_time,
          note="saves of 10 s and 5 minutes to come back are ours; that it is above is held"),
)  # fmt: skip

CLAIMS = (
    *GPUS,
    *LARGE_BATCHES,
    *COLLECTIVES,
    *ROUNDS,
    *SERVERS,
    *COMPRESSION,
    *SCHEDULING,
    *FAILURES,
)

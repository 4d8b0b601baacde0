"""1-bit SGD as its authors ran it: their tables as data, and their model of a cluster's speed.

A speech network of 46 million weights; a frame is an example, and a mini-batch of N frames is
computed by K GPUs in two halves, so that the bits of one half travel during the other.

Source: Seide, Fu, Droppo, Li & Yu, Interspeech 2014; their tables 1, 2 and 5, and section 3.1.
"""

import math

import numpy as np

FRAME_SECONDS = {  # table 1: s a frame, by how many frames a GPU computes at once
    256: 156e-6, 512: 137e-6, 1024: 122e-6, 2048: 118e-6, 4096: 115e-6, 8192: 114e-6,
}  # fmt: skip
FIXED_SECONDS = 18.2e-3  # of a mini-batch, whatever N and K: after the sum, and the update
UPDATE_SECONDS = 9e-3
BITS = 32  # Z: floats of 32 bits, over one bit
BIT_EXCHANGE_SECONDS = (3e-3, 10e-3)  # T_comm / Z, from the least to the most

WORD_ERRORS = {  # table 2, %: floats, one bit, one bit with double buffering
    "sigmoid": (16.5, 16.3, 16.5),
    "ReLU": (16.5, 16.6, 16.6),
}
FRAMES_A_SECOND = {  # table 5, measured: GPUs as (machines, each), for N of 2,880 and of 16,384
    (1, 1): (7500, 8200), (1, 2): (11700, 12700), (4, 2): (26900, 42300), (8, 1): (26900, 51600),
    (8, 2): (34800, 72500), (16, 1): (30200, 77900),
}  # fmt: skip
BATCHES = (2880, 16384)


def frame_seconds(frames):
    """Return the s a frame of a GPU that computes so many at once: table 1, and between its rows.

    Linear in the logarithm, and so beyond the smallest row too; constant beyond the largest.
    """
    sizes, times = np.log2([*FRAME_SECONDS]), np.array([*FRAME_SECONDS.values()])
    x = math.log2(frames)
    if x < sizes[0]:
        return float(times[0] + (sizes[0] - x) * (times[0] - times[1]))
    return float(np.interp(x, sizes, times))


def step_seconds(frames, gpus):
    """Return the s of a mini-batch of N frames on K GPUs, as the model has it.

    t = (N / K) T_frm(N / 2K) + 18.2 ms + 9 ms: bits are thought to hide behind the work, always.
    """
    half = frames / gpus / 2
    return frames / gpus * frame_seconds(half) + FIXED_SECONDS + UPDATE_SECONDS


def frames_a_second(frames, gpus):
    """Return N / `step_seconds`."""
    return frames / step_seconds(frames, gpus)


def speedup(frames, gpus):
    """Return how many times faster K GPUs are than one, by the model."""
    return frames_a_second(frames, gpus) / frames_a_second(frames, 1)


def best_gpus(frames, exchange_seconds):
    """Return K-hat, on how many GPUs half a mini-batch is computed just while the other travels.

    K = (N/2 T_frm + C T_post) / (T_comm - T_upd); with fewer the wire has time to spare, with more
    the GPUs wait. math.inf where the exchange is hidden by the update alone.

    exchange_seconds : T_comm: of bits as in BIT_EXCHANGE_SECONDS, of floats BITS times that.
    """
    left = exchange_seconds - UPDATE_SECONDS
    work = frames / 2 * frame_seconds(frames / 2) + FIXED_SECONDS - UPDATE_SECONDS
    return work / left if left > 0 else math.inf

"""Random numbers for threads, each from a sequence of its own: xoroshiro128+.

The names, the states and every bit are those of `numba.cuda.random`.
Source: Blackman and Vigna, xoroshiro128plus.c (2016) and splitmix64.c.
"""

import numpy as np

from dlpar.gpu.lockstep.arrays import DeviceArray
from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.memory import View, load, save

xoroshiro128p_dtype = np.dtype([("s0", np.uint64), ("s1", np.uint64)], align=True)
JUMP = (0xBEAC0467EBA5FACB, 0xD86B048B86AA9922)  # which of 128 steps add up to 2**64 steps
MASK = 2**64 - 1


# States, on the host


def splitmix(seed):
    """Return the word that a generator's state begins with: `seed`, well mixed."""
    z = (seed + 0x9E3779B97F4A7C15) & MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def _rotated(x, k):
    return (x << np.uint64(k)) | (x >> np.uint64(64 - k))


def following(s0, s1):
    """Return (result, s0, s1): the next random uint64 of each generator, and its next state."""
    result, s1 = s0 + s1, s1 ^ s0
    return result, _rotated(s0, 55) ^ s1 ^ (s1 << np.uint64(14)), _rotated(s1, 36)


def jump_matrix():
    """Return J, (128, 128) float32 of zeros and ones: state bits @ J mod 2 is 2**64 steps later.

    A step only shifts and adds bits without carry, and so does a jump: it is linear.
    """
    one = np.uint64(1) << np.arange(64, dtype=np.uint64)
    zero = np.zeros(64, np.uint64)
    s0, s1 = np.r_[one, zero], np.r_[zero, one]  # 128 generators with a single bit each
    end0, end1 = np.zeros(128, np.uint64), np.zeros(128, np.uint64)
    for word in JUMP:
        for bit in range(64):
            if word >> bit & 1:
                end0, end1 = end0 ^ s0, end1 ^ s1
            _, s0, s1 = following(s0, s1)
    return _bits(end0, end1)


def _bits(s0, s1):
    words = np.stack([s0, s1], axis=1).astype("<u8").view(np.uint8)
    return np.unpackbits(words, axis=1, bitorder="little").astype(np.float32)


def _words(bits):
    packed = np.packbits(bits.astype(np.uint8), axis=1, bitorder="little")
    return packed.view("<u8").astype(np.uint64).T


def _power(matrix, exponent):
    result = np.eye(len(matrix), dtype=np.float32)
    while exponent:
        if exponent & 1:
            result = result @ matrix % 2
        matrix, exponent = matrix @ matrix % 2, exponent >> 1
    return result


def init_xoroshiro128p_states(states, seed, subsequence_start=0, stream=0):
    """Set `states`, (n,) on the device: generator i starts 2**64 (i + subsequence_start) steps on.

    seed : int.  Cost: O(n log n) in bits, vectorised: n doubles with each multiplication.
    """
    first = np.array([splitmix(int(seed) & MASK)], np.uint64)
    jump = jump_matrix()
    bits = _bits(first, first) @ _power(jump, int(subsequence_start)) % 2
    while len(bits) < states.size:
        bits = np.concatenate([bits, bits @ jump % 2])  # those of i, then those of i + len(bits)
        jump = jump @ jump % 2
    made = np.empty(states.size, xoroshiro128p_dtype)
    made["s0"], made["s1"] = _words(bits[: states.size])
    states.copy_to_device(made)


def create_xoroshiro128p_states(n, seed, subsequence_start=0, stream=0):
    """Return (n,) generators on the device, 2**64 steps apart; see init_xoroshiro128p_states."""
    states = DeviceArray(np.empty(n, xoroshiro128p_dtype))
    init_xoroshiro128p_states(states, seed, subsequence_start, stream)
    return states


# Numbers, in a kernel


def _next(m, access, states, index):
    """Return a random uint64 for each lane, from the generator `index`, which moves on."""
    site = access.site
    if not isinstance(states, View) or states.dtype != xoroshiro128p_dtype:
        where = f"{site.kernel}, line {site.line}"
        raise TypeError(f"{where}: random numbers come from create_xoroshiro128p_states")
    at = access(m, states, [index])
    if m.meter is not None:
        m.meter.access(m, "load", states, at, access)
        m.meter.access(m, "store", states, at, access)
    state = m.spread(load(m, states, at, access))
    result, s0, s1 = following(state["s0"], state["s1"])
    moved = np.empty(m.count, xoroshiro128p_dtype)
    moved["s0"], moved["s1"] = s0, s1
    save(m, states, at, moved, access)
    return result


def _uniform64(m, access, states, index):
    return (_next(m, access, states, index) >> np.uint64(11)) * 2.0**-53


def _uniform32(m, access, states, index):
    return _uniform64(m, access, states, index).astype(np.float32)


def _normal(dtype):
    """Return the draw from a normal distribution by Box and Muller, from two uniform float32.

    The logarithm is one of float32 for float64, too, as in Numba.
    """

    def lower(m, access, states, index):
        u, v = (_uniform32(m, access, states, index) for _ in range(2))
        return np.sqrt(dtype(-2) * np.log(u)) * np.cos(dtype(2 * np.pi) * v)

    return lower


def _intrinsic(name, lower):
    return Intrinsic(f"cuda.random.{name}", lower, access=True, meter="flops")


xoroshiro128p_next = _intrinsic("xoroshiro128p_next", _next)
xoroshiro128p_uniform_float32 = _intrinsic("xoroshiro128p_uniform_float32", _uniform32)
xoroshiro128p_uniform_float64 = _intrinsic("xoroshiro128p_uniform_float64", _uniform64)
xoroshiro128p_normal_float32 = _intrinsic("xoroshiro128p_normal_float32", _normal(np.float32))
xoroshiro128p_normal_float64 = _intrinsic("xoroshiro128p_normal_float64", _normal(np.float64))

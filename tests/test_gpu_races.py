"""The race detector against a brute-force happens-before checker, on random programs."""

import numpy as np
from gpu_sources import kernel_from
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlpar.gpu import checks
from dlpar.gpu.lockstep import kernel as launching
from dlpar.gpu.lockstep.errors import Race

BLOCKS, THREADS = 2, 40  # a whole warp and a part of one
BUSY = [(0, 0), (0, 1), (0, 33), (0, 34), (1, 0), (1, 33)]  # (block, thread) that touch memory
NEAR = [(0, 0), (0, 1), (0, 2), (0, 33), (1, 0)]
SIZE = 2
DOES = {  # the accesses of a statement, one after the other
    "read": ["read"], "write": ["write"], "atomic": ["atomic"],
    "update": ["read", "write", "read", "write"],
    "all read": ["read"], "all write": ["write"], "all add": ["atomic"],
}  # fmt: skip

CODE = {
    "read": "if plan[{k}, i] >= 0: x += {a}[plan[{k}, i]]",
    "write": "if plan[{k}, i] >= 0: {a}[plan[{k}, i]] = value[{k}, i]",
    "atomic": "if plan[{k}, i] >= 0: cuda.atomic.add({a}, plan[{k}, i], 1)",
    "update": "if plan[{k}, i] >= 0: e = plan[{k}, i]; {a}[e] *= 0; {a}[e] *= 0",
    "all read": "x += {a}[1]",
    "all write": "{a}[1] = 1",
    "all add": "cuda.atomic.add({a}, 1, 1)",
    "barrier": "cuda.syncthreads()",
    "barrier of a block": "if b == {which}: cuda.syncthreads()",
    "syncwarp": "cuda.syncwarp()",
    "syncwarp of a warp": "if t // 32 == {which}: cuda.syncwarp()",
    "syncwarp of lanes": "if t < 32 and {mask} >> t & 1: cuda.syncwarp({mask})",
    "sync of the grid": "g.sync()",
}


@st.composite
def statements(draw, kinds, threads):
    kind = draw(st.sampled_from(kinds))
    if kind.startswith("all"):
        everybody = [(b, t) for b in range(BLOCKS) for t in range(THREADS)]
        return kind, draw(st.sampled_from(["shared", "global"])), dict.fromkeys(everybody, (1, 1))
    if kind in DOES:
        touch = st.tuples(st.integers(0, SIZE - 1), st.integers(1, 2))
        who = draw(st.dictionaries(st.sampled_from(threads), touch, min_size=1, max_size=3))
        return kind, draw(st.sampled_from(["shared", "global"])), who
    if kind == "syncwarp of lanes":
        return kind, draw(st.sampled_from([0b11, 0b110, 0b101, 0b111, 0b1, 0xFFFFFFFF])), None
    return kind, draw(st.integers(0, 1)), None


def programs(*more, threads=BUSY):
    common = ["read", "read", "read", "write", "write", "atomic", "update"]
    common += ["all read", "all write", "all add", "barrier", "barrier", "barrier of a block"]
    return st.lists(statements([*common, *more], threads), min_size=2, max_size=12)


def kernel_of(program):
    """Return a kernel that runs the program, and the tables of elements and values it reads."""
    plan = np.full((len(program), BLOCKS * THREADS), -1)
    value = np.zeros_like(plan)
    lines = ["def kernel(a, plan, value, out):"]
    if any(kind == "sync of the grid" for kind, *_ in program):
        lines.append("g = cuda.cg.this_grid()")
    lines += [f"s = cuda.shared.array({SIZE}, int64)", "x = 0"]
    lines += ["i, b, t = cuda.grid(1), cuda.blockIdx.x, cuda.threadIdx.x"]
    first = len(lines) + 1
    for k, (kind, which, who) in enumerate(program):
        for (block, thread), (element, number) in (who or {}).items():
            plan[k, block * THREADS + thread] = element
            value[k, block * THREADS + thread] = number
        array = "s" if which == "shared" else "a"
        lines.append(CODE[kind].format(k=k, a=array, which=which, mask=which))
    return kernel_from("\n    ".join([*lines, "out[i] = x"])), plan, value, first


def first_race(program):
    """Return the number of the first statement that races with one before it, or None.

    Each thread holds the set of accesses that happened before it now; nothing is summarised.
    """
    everybody = [(b, t) for b in range(BLOCKS) for t in range(THREADS)]
    past = {thread: set() for thread in everybody}
    done = []  # (thread, place, kind, value)

    def together(threads):
        known = set().union(*(past[thread] for thread in threads))
        past.update({thread: set(known) for thread in threads})

    for k, (kind, which, who) in enumerate(program):
        for does in DOES.get(kind, ()):
            for thread in sorted(who):
                element, value = who[thread]
                value = 0 if kind == "update" else value
                place = (which, element, thread[0] if which == "shared" else None)
                for number, (other, there, did, wrote) in enumerate(done):
                    apart = there == place and other != thread and number not in past[thread]
                    if apart and (does != did or (does == "write" and wrote != value)):
                        return k
                done.append((thread, place, does, value))
                past[thread].add(len(done) - 1)
        for b in range(BLOCKS):
            if kind == "barrier" or (kind == "barrier of a block" and which == b):
                together([(b, t) for t in range(THREADS)])
            for warp in (0, 1):
                lanes = [t for t in range(THREADS) if t // 32 == warp]
                if kind == "syncwarp" or (kind == "syncwarp of a warp" and which == warp):
                    together([(b, t) for t in lanes])
            if kind == "syncwarp of lanes":
                together([(b, t) for t in range(32) if which >> t & 1])
        if kind == "sync of the grid":
            together(everybody)
    return None


def race_seen(program):
    """Return the number of the statement at which the machine sees a race, or None."""
    kernel, plan, value, first = kernel_of(program)
    try:
        with checks(uninitialized=False):
            out = np.zeros(BLOCKS * THREADS, int)
            kernel[BLOCKS, THREADS](np.zeros(SIZE, int), plan, value, out)
    except Race as race:
        return race.line - first
    return None


def reads(*threads):
    return [("read", "shared", {thread: (0, 1)}) for thread in threads]


WRITES = ("write", "shared", {(0, 1): (0, 1)})
WRITES_0 = ("write", "shared", {(0, 0): (0, 1)})


@example([*reads((0, 33), (0, 0), (0, 1)), ("syncwarp", 0, None), WRITES])  # 33 is not forgotten
@example(
    [
        *reads((0, 0)),
        ("write", "shared", {(0, 33): (1, 1)}),
        ("update", "shared", {(0, 1): (0, 1)}),  # its own read hides no other
    ]
)
@settings(max_examples=4 * settings.default.max_examples)
@given(programs("syncwarp", "syncwarp of a warp", "sync of the grid"))
def test_a_race_is_seen_where_it_happens_and_nowhere_else(program):
    assert race_seen(program) == first_race(program)


@settings(max_examples=3 * settings.default.max_examples)
@example([*reads((0, 2), (0, 0)), ("syncwarp of lanes", 0b11, None), WRITES_0])  # nor is 2
@given(programs(*["syncwarp of lanes"] * 4, "syncwarp", threads=NEAR))
def test_lanes_that_a_syncwarp_does_not_name_are_not_ordered_by_it(program):
    assert race_seen(program) == first_race(program)


@given(programs("syncwarp"))
def test_a_race_between_blocks_that_do_not_run_together_is_seen(program):
    saved, launching.GROUP = launching.GROUP, THREADS
    try:
        assert (race_seen(program) is None) == (first_race(program) is None)
    finally:
        launching.GROUP = saved

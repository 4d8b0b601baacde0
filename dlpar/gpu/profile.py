"""Run a kernel and count what it does: `report = profile(kernel[grid, block], x, y)`."""

import math

from dlpar.gpu.l2 import L2
from dlpar.gpu.lockstep.kernel import Launch
from dlpar.gpu.meter import Meter
from dlpar.gpu.on_card import as_lockstep, card_time, on_host
from dlpar.gpu.placement import Memory
from dlpar.gpu.report import Report


def profile(launch, *args, l2=None):
    """Run `launch` on `args`, as calling it would, and return a Report of what was counted.

    launch : a kernel with its grid and block, `kernel[grid, block]`.
    args : the kernel's arguments, which it may change.
    l2 : bytes of a cache before DRAM, for `dram_bytes`: least recently used of 32-byte sectors;
        None for no cache, where every sector of every request goes to DRAM. The statements of all
        blocks alternate here, which no card does exactly: what a cache keeps is a model.

    On a GPU the lock-step machine counts, on copies of `args`, and the card runs the launch and
    is timed by CUDA events, on copies that are there already: `report.measured`.

    Raises what the launch raises. Costs up to three times as much as the launch with its checks;
    with `l2` far more, for each sector is looked up.
    """
    if isinstance(launch, Launch):
        return _count(launch, args, l2)
    counted = _count(as_lockstep(launch), tuple(map(on_host, args)), l2)
    from numba import cuda

    counted.measured = card_time(launch, args, cuda)
    launch(*args)
    return counted


def _count(launch, args, l2):
    meter = Meter(math.prod(launch.grid), Memory(args), None if l2 is None else L2(l2))
    Launch(launch.kernel, launch.grid, launch.block, launch.shared_nbytes, meter)(*args)
    lines, total = meter.total()
    return Report.of(launch, lines, total, l2)

"""`simulate` beside SimGrid SMPI, a simulator of MPI programs that researchers trust.

Both run the same messages on the same declared platform: the virtual seconds must agree within
2 %, or this ends with status 1. Then, messages a second of processor time, in turns.
Run with: python benchmarks/simgrid.py
"""

import shutil
import sys
import tempfile
import time

import numpy as np
from smpi import programs
from smpi.peer import compile_programs, smpirun

from dlpar import simulate
from dlpar.world import Link, Network, Topology
from dlpar.world.presets import dgx1, fat_tree, pcie_nodes, star, torus, two_sites

WITHIN = 0.02
ENVELOPE = 16  # bytes that SMPI adds to each message
FAMILY = ("incast", "ring", "tree", "alltoall")
MESSAGES = 50_000  # of each timed simulation, all ranks together
ROUNDS = 5


def one_link(duplex, places):
    """Two hosts on either side of one link; the ranks on `places`."""
    ends = [Link(host, switch, 1e-6, 1e10) for host, switch in ("as", "bs", "ct", "dt")]
    return Topology([*ends, Link("s", "t", 5e-6, 1e10, duplex)], "abcd", placement=places)


def contended(racks, hosts, **settings):
    return fat_tree(racks, hosts, oversubscription=4, **settings)


def cases():
    """Yield (program, platform in words, Topology, ranks, bytes of a message)."""
    small, eager, large = 128, 64_000, 1_000_000
    for nbytes in (small, eager, large):
        yield "crossing", "one link, same way", one_link("full", "abcd"), 4, nbytes
        yield "crossing", "half duplex, both ways", one_link("half", "adcb"), 4, nbytes
    eight = {
        "star": star(8),
        "fat tree 4:1": contended(4, 2),
        "cube mesh": dgx1(),
        "two sites": two_sites(4),
    }
    for name in FAMILY:
        for where, topology in eight.items():
            for nbytes in (small, eager, large):
                yield name, where, topology, 8, nbytes
    nodes, grid = pcie_nodes(), torus(5, 4)
    for name in FAMILY:
        for nbytes in (small, eager):
            yield name, "PCIe nodes", nodes, 16, nbytes
            yield name, "torus 5 x 4", grid, 20, nbytes
    # With more ranks, a message waits for its receiver from 1 KiB on: large needs no gigabytes.
    star64, tree64 = star(64, eager_limit=1024), contended(4, 16, eager_limit=1024)
    for name in FAMILY:
        for nbytes in (small, 10_000):
            yield name, "star", star64, 64, nbytes
            yield name, "fat tree 4:1", tree64, 64, nbytes
    star256, tree256 = star(256, eager_limit=1024), contended(4, 64, eager_limit=1024)
    for nbytes in (small, 2_000):
        yield "ring", "star", star256, 256, nbytes
        yield "ring", "fat tree 4:1", tree256, 256, nbytes


def agreement(folder):
    """Print both simulators' seconds; return the largest deviations, one for each way to run SMPI.

    As the Topology declares it; with messages short of their envelope; and as SimGrid shares links.
    """
    print("Virtual time of the same messages, and by how much simulate's deviates from SMPI's.")
    head = "simulate", "SMPI", "", "no envelope", "SMPI, as TCP shares"
    print("{:>60} {:>12} {:8} {:>12} {:>22}".format(*head))
    worst = np.zeros(3)
    for name, where, topology, ranks, nbytes in cases():
        # A chunk of a vector of n doubles has nbytes; some chunks have one double more.
        n = nbytes // 8 * ranks + 3 if name in ("ring", "alltoall") else nbytes // 8
        ours = simulate(getattr(programs, name), ranks, (n, 1), topology)
        theirs = [
            smpirun(name, topology, ranks, (n, 1, less), folder, even)
            for less, even in ((0, True), (ENVELOPE, True), (0, False))
        ]
        sent = len(ours.trace.messages), sum(message.nbytes for message in ours.trace.messages)
        if any((said.messages, said.nbytes) != sent for said in theirs):
            raise RuntimeError(f"{name} on {where}: the two programs do not send the same")
        off = np.array([ours.time / said.time - 1 for said in theirs])
        worst = np.maximum(worst, abs(off))
        us, declared, _, tcp = 1e6 * np.array([ours.time, *(said.time for said in theirs)])
        print(
            f"{name:9}{where:23}{ranks:4} ranks {nbytes:9,} B {us:9.2f} us {declared:9.2f} us"
            f" {off[0]:+8.3%} {off[1]:+12.1e} {tcp:10.2f} us {off[2]:+8.3%}",
            flush=True,
        )
    return worst


def ours_per_second(ranks, network, rounds, distance):
    start = time.process_time()
    simulate(programs.shift, ranks, (16, rounds, distance), network)
    return ranks * rounds / (time.process_time() - start)


def speed(folder):
    """Print messages a second."""
    print(f"\nMessages of 128 bytes a second of processor time: medians of {ROUNDS} rounds, (IQR).")
    header = ["SMPI", "simulate, Network", "simulate, Topology"]
    print(f"{'':26}" + "".join(f"{name:>28}" for name in header))
    for ranks in (8, 64, 256):
        for where, topology, distance in (
            ("no link shared", star(ranks), 1),
            ("uplinks shared 4:1", contended(4, ranks // 4), ranks // 2),
        ):
            rounds = MESSAGES // ranks
            flat = [Network()] if distance == 1 else []  # contention is what it does not know
            rates = []
            for _ in range(ROUNDS):
                said = smpirun("shift", topology, ranks, (16, rounds, 0, distance), folder)
                rates.append([said.messages / said.cost])
                for network in (*flat, topology):
                    rates[-1].append(ours_per_second(ranks, network, rounds, distance))
            _print_rates(f"{ranks:4} ranks, {where}", np.array(rates), bool(flat))


def _print_rates(label, rates, has_flat):
    cells = []
    for i in range(rates.shape[1]):
        q1, median, q3 = np.percentile(rates[:, i], [25, 50, 75]) / 1000
        ratio = f"{np.median(rates[:, i] / rates[:, 0]):.2f}x " if i else ""
        cells.append(f"{ratio}{median:.0f} k ({q1:.0f}-{q3:.0f})")
    if not has_flat:
        cells.insert(1, "")
    print(f"{label:30}" + "".join(f"{cell:>27}" for cell in cells), flush=True)


def main():
    """Print the tables; return 1 if the two simulators disagree."""
    if not (shutil.which("smpicc") and shutil.which("smpirun")):
        print(
            "simgrid.py: not run, since SimGrid is not here. On Debian: apt install libsimgrid-dev"
        )
        return 0
    with tempfile.TemporaryDirectory() as folder:
        compile_programs(folder)
        declared, without_envelope, as_tcp = agreement(folder)
        print(
            f"Largest deviation: {declared:.3%} (allowed: {WITHIN:.0%}). SMPI adds an envelope\n"
            f"of {ENVELOPE} bytes to each message; with messages that much shorter in SMPI, the\n"
            f"largest is {without_envelope:.1e}. The last columns are SimGrid's own way to share\n"
            "a link: in inverse proportion to the flows' latencies, as TCP does it. A Topology\n"
            f"shares evenly. That makes the two deviate by up to {as_tcp:.3%}."
        )
        speed(folder)
    return int(declared > WITHIN)


if __name__ == "__main__":
    sys.exit(main())

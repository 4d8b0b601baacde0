"""What the data sheets of four cards say, and how many blocks fit on a multiprocessor.

All numbers are quoted, from NVIDIA's data sheets and architecture white papers; peaks are dense (no
sparsity) and hold at the boost clock. Link speeds are per direction, where the sheets often print
the sum of both. A sheet's TB and GB are powers of ten; its kB and MB of caches are powers of two.
"""

from dataclasses import dataclass

from dlpar.gpu.patterns import BANK, WARP
from dlpar.rulers import rulers, si

KIB, MIB = 1024, 1024**2
REGISTER_UNIT = 256  # registers: a warp gets a multiple of them
SUBPARTITIONS = 4  # of a multiprocessor, each with a quarter of the registers
MAX_REGISTERS, MAX_THREADS = 255, 1024  # of a thread, of a block


@dataclass(frozen=True)
class Card:
    """A card as its data sheet describes it."""

    name: str
    compute_capability: tuple[int, int]
    multiprocessors: int
    fp32_cores: int  # of a multiprocessor
    clock: float  # Hz, boost, at which the FP32 peak holds
    fp32: float  # FLOP/s
    fp16_tensor: float  # FLOP/s: FP16 in, FP32 accumulated, dense
    memory: float  # bytes
    bandwidth: float  # B/s of DRAM
    l2: int  # bytes
    shared: int  # bytes of shared memory of a multiprocessor, at most
    shared_unit: int  # bytes: a block gets a multiple of them
    shared_reserved: int  # bytes that the system takes for each block
    registers: int  # of 32 bits, of a multiprocessor
    max_warps: int  # resident on a multiprocessor
    max_blocks: int
    pcie: float  # B/s per direction
    nvlink: float  # B/s per direction, all links together; 0 for none
    source: str

    @property
    def shared_bandwidth(self):
        """B/s of all shared memories: 32 banks of 4 bytes a clock on each multiprocessor."""
        return self.multiprocessors * WARP * BANK * self.clock

    @property
    def ridge(self):
        """FLOP/B at which the FP32 peak and the DRAM bandwidth meet."""
        return self.fp32 / self.bandwidth

    def __repr__(self):
        """Return the data sheet as a table."""
        return repr(self._table())

    def _repr_html_(self):
        return self._table()._repr_html_()

    def _table(self):
        return rulers(
            quoted={
                "card": self.name,
                "compute capability": "{}.{}".format(*self.compute_capability),
                "multiprocessors (SM)": self.multiprocessors,
                "boost clock": si(self.clock, "Hz"),
                "FP32 peak": si(self.fp32, "FLOP/s"),
                "FP16 tensor peak, dense": si(self.fp16_tensor, "FLOP/s"),
                "memory": si(self.memory, "B"),
                "memory bandwidth": si(self.bandwidth, "B/s"),
                "L2": f"{self.l2 / MIB:g} MiB",
                "shared memory a SM": f"{self.shared / KIB:g} KiB",
                "registers a SM": self.registers,
                "resident warps, blocks a SM": f"{self.max_warps}, {self.max_blocks}",
                "PCIe, per direction": si(self.pcie, "B/s"),
                "NVLink, per direction": si(self.nvlink, "B/s") if self.nvlink else "none",
                "source": self.source,
            }
        )


V100 = Card(
    name="V100 SXM2 16 GB",
    compute_capability=(7, 0),
    multiprocessors=80,
    fp32_cores=64,
    clock=1.53e9,
    fp32=15.7e12,
    fp16_tensor=125e12,
    memory=16e9,
    bandwidth=900e9,
    l2=6 * MIB,
    shared=96 * KIB,
    shared_unit=256,
    shared_reserved=0,
    registers=65_536,
    max_warps=64,
    max_blocks=32,
    pcie=16e9,
    nvlink=150e9,
    source="NVIDIA Tesla V100 data sheet; Volta white paper WP-08608-001, tables 1 and 2",
)
T4 = Card(
    name="T4 16 GB",
    compute_capability=(7, 5),
    multiprocessors=40,
    fp32_cores=64,
    clock=1.59e9,
    fp32=8.1e12,
    fp16_tensor=65e12,
    memory=16e9,
    bandwidth=320e9,
    l2=4 * MIB,
    shared=64 * KIB,
    shared_unit=256,
    shared_reserved=0,
    registers=65_536,
    max_warps=32,
    max_blocks=16,
    pcie=16e9,
    nvlink=0,
    source="NVIDIA T4 data sheet; Turing white paper WP-09183-001, appendix on Tesla T4",
)
A100 = Card(
    name="A100 SXM4 40 GB",
    compute_capability=(8, 0),
    multiprocessors=108,
    fp32_cores=64,
    clock=1.41e9,
    fp32=19.5e12,
    fp16_tensor=312e12,
    memory=40e9,
    bandwidth=1555e9,
    l2=40 * MIB,
    shared=164 * KIB,
    shared_unit=128,
    shared_reserved=1 * KIB,
    registers=65_536,
    max_warps=64,
    max_blocks=32,
    pcie=32e9,
    nvlink=300e9,
    source="NVIDIA A100 data sheet; Ampere architecture white paper, tables 1 to 4",
)
H100 = Card(
    name="H100 SXM5 80 GB",
    compute_capability=(9, 0),
    multiprocessors=132,
    fp32_cores=128,
    clock=1.98e9,
    fp32=66.9e12,
    fp16_tensor=989.4e12,  # at 1.83 GHz
    memory=80e9,
    bandwidth=3350e9,
    l2=50 * MIB,
    shared=228 * KIB,
    shared_unit=128,
    shared_reserved=1 * KIB,
    registers=65_536,
    max_warps=64,
    max_blocks=32,
    pcie=64e9,
    nvlink=450e9,
    source="NVIDIA H100 data sheet; Hopper architecture white paper, tables 2 to 4",
)
CARDS = (V100, T4, A100, H100)


@dataclass(frozen=True)
class Occupancy:
    """How many blocks of a kernel a multiprocessor holds at once, and what keeps out the next."""

    card: Card
    blocks: int
    warps: int
    limiter: str

    @property
    def occupancy(self):
        """Resident warps as a part of those that the multiprocessor can hold: 0 to 1."""
        return self.warps / self.card.max_warps

    def __repr__(self):
        """Return it in words."""
        return (
            f"{self.card.name}: {self.blocks} blocks, {self.warps} of {self.card.max_warps} warps "
            f"a SM, {self.occupancy:.0%}; limited by {self.limiter}"
        )


def occupancy(card, threads, registers=32, shared_nbytes=0):
    """Return the Occupancy of blocks of `threads` threads on `card`.

    registers : of 32 bits, of each thread.  shared_nbytes : of a block, static and dynamic.
    Zero blocks means that the kernel cannot be launched. Where two limits are equal, the first of
    warps, blocks, registers and shared memory is named.

    Raises ValueError for 0 threads or more than 1024, and for more than 255 registers.
    Source: CUDA Occupancy Calculator; CUDA C++ Programming Guide, technical specifications.
    """
    if not 1 <= threads <= MAX_THREADS:
        raise ValueError(f"a block has 1 to {MAX_THREADS} threads, got {threads}")
    if not 0 <= registers <= MAX_REGISTERS:
        raise ValueError(f"a thread has 0 to {MAX_REGISTERS} registers, got {registers}")
    if shared_nbytes < 0:
        raise ValueError(f"shared memory of 0 bytes or more, got {shared_nbytes}")
    warps = -(-threads // WARP)
    limits = {
        "warps": card.max_warps // warps,
        "blocks": card.max_blocks,
        "registers": _warps_by_registers(card, registers) // warps,
        "shared memory": _blocks_by_shared(card, shared_nbytes),
    }
    limiter = min(limits, key=lambda name: limits[name])
    return Occupancy(card, limits[limiter], limits[limiter] * warps, limiter)


def _warps_by_registers(card, registers):
    """Return the warps whose registers fit; a warp's lie in one subpartition."""
    of_a_warp = _multiple(registers * WARP, REGISTER_UNIT)
    if not of_a_warp:
        return card.max_warps
    return card.registers // SUBPARTITIONS // of_a_warp * SUBPARTITIONS


def _blocks_by_shared(card, nbytes):
    of_a_block = _multiple(nbytes, card.shared_unit) + card.shared_reserved
    return card.shared // of_a_block if of_a_block else card.max_blocks


def _multiple(n, unit):
    return -(-n // unit) * unit

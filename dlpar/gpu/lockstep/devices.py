"""The one device of the lock-step machine, under the names by which Numba asks for devices."""

from collections import namedtuple
from contextlib import contextmanager

import psutil

from dlpar.gpu.lockstep.kernel import MAX_BLOCK, MAX_GRID, MAX_SHARED, MAX_THREADS
from dlpar.gpu.lockstep.machine import WARP

MemoryInfo = namedtuple("MemoryInfo", "free total")


class Device:
    """The lock-step machine, with the limits that cards have."""

    id = 0
    name = "lock-step machine"
    compute_capability = (9, 0)  # whose instructions it has
    WARP_SIZE = WARP
    MAX_THREADS_PER_BLOCK = MAX_THREADS
    MAX_BLOCK_DIM_X, MAX_BLOCK_DIM_Y, MAX_BLOCK_DIM_Z = MAX_BLOCK
    MAX_GRID_DIM_X, MAX_GRID_DIM_Y, MAX_GRID_DIM_Z = MAX_GRID
    MAX_SHARED_MEMORY_PER_BLOCK = MAX_SHARED  # bytes, without opting in to more
    MULTIPROCESSOR_COUNT = 1

    def reset(self):
        """Forget nothing: there is nothing to forget."""

    def __enter__(self):
        """Make this device the current one, which it is."""
        return self

    def __exit__(self, *_):
        """Leave it the current one."""


class Context:
    """The memory and the device that launches use."""

    def __init__(self, device):
        self.device = device

    def get_memory_info(self):
        """Return the free and the total memory of this machine in bytes."""
        memory = psutil.virtual_memory()
        return MemoryInfo(memory.available, memory.total)

    def synchronize(self):
        """Return at once."""

    def reset(self):
        """Forget nothing."""


DEVICE = Device()


class Devices(list):
    """All devices: one."""

    @property
    def lst(self):
        """The devices as a list."""
        return list(self)

    @property
    def current(self):
        """The current device."""
        return DEVICE


gpus = Devices([DEVICE])


def list_devices():
    """Return all devices."""
    return gpus


def select_device(device_id):
    """Return the context of device 0; raise ValueError for another: there is none."""
    if device_id != 0:
        raise ValueError(f"no device {device_id}: the lock-step machine is device 0")
    return Context(DEVICE)


def get_current_device():
    """Return the device."""
    return DEVICE


def current_context(devnum=None):
    """Return the context of device 0."""
    return select_device(devnum or 0)


def close():
    """Forget nothing: there is nothing to close."""


def detect():
    """Print what device there is; return True."""
    print(f"Found 1 device: {DEVICE.name}, no GPU")
    return True


@contextmanager
def defer_cleanup():
    """Put off nothing: memory goes back when Python drops it."""
    yield


@contextmanager
def profiling():
    """Start nothing: a profiler of NVIDIA has nothing to see here; use `dlpar.gpu.profile`."""
    yield


def require_context(function):
    """Return `function`: there always is a context."""
    return function


def is_available():
    """Return True: the lock-step machine is everywhere."""
    return True


def is_float16_supported():
    """Return True."""
    return True

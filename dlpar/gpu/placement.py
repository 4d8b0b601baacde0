"""Where a launch's arrays lie in the memory of a card: the addresses behind the sectors."""

import numpy as np

from dlpar.gpu.lockstep.arrays import DeviceArray

ALIGNMENT = 256  # bytes: where cudaMalloc lets an array begin


class Memory:
    """Gives each array of `args` an address in bytes.

    An array of the host is copied to the device for the launch: it begins at a multiple of 256. A
    part of an array on the device lies where it lies in the whole.
    """

    def __init__(self, args):
        self.end = 0
        self.places = {}  # {address on the host: address on the card}
        for arg in args:
            self._place(arg)

    def _place(self, arg):
        if isinstance(arg, tuple):
            for item in arg:
                self._place(item)
        elif isinstance(arg, DeviceArray):
            whole = _allocation(arg.lockstep_memory)
            start = self.address(whole)
            offset = _address(arg.lockstep_memory) - _address(whole)
            self.places[_address(arg.lockstep_memory)] = start + offset
        elif isinstance(arg, np.ndarray):
            self.address(arg)

    def address(self, array):
        """Return the address of `array`'s first byte, behind all others if it is new here."""
        key = _address(array)
        if key not in self.places:
            self.places[key] = self.end
            self.end += -(-max(array.nbytes, 1) // ALIGNMENT) * ALIGNMENT
        return self.places[key]


def _address(array):
    return array.__array_interface__["data"][0]


def _allocation(array):
    """Return the array that owns the memory of `array`."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array

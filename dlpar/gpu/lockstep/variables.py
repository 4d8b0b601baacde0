"""What a kernel's variable holds when not every lane has assigned it."""

from typing import Any, NamedTuple

import numpy as np

from dlpar.gpu.lockstep.errors import Uninitialized
from dlpar.gpu.lockstep.types import select

UNSET = object()  # a variable that no lane has assigned


class Partly(NamedTuple):
    """A variable that only the lanes of `mask` have assigned: the others hold what is not theirs.

    Hardware has whatever its register held: a thread knows no other thread's variables.
    """

    value: Any
    mask: Any

    def merged(self, m, value):
        """Return what the variable is once the active lanes have assigned `value`."""
        if m.active is None:
            return value
        if m.active is self.mask:
            return Partly(value, self.mask)
        mask = self.mask | m.active
        value = value if value is self.value else select(m.active, value, self.value)
        return value if mask.all() else Partly(value, mask)

    def read(self, m, name, site):
        """Return the value; raise Uninitialized if an active lane has none."""
        if m.active is not self.mask:
            missing = m.running() & ~self.mask
            if missing.any():
                message = f"{name} is read, but this thread has not assigned it"
                raise Uninitialized(message, site, *m.blame(int(np.argmax(missing))))
        return self.value

"""`cuda.reduce`: fold an array with any function of two numbers, in log2(n) launches."""

import numpy as np

from dlpar.gpu.lockstep.arrays import DeviceArray
from dlpar.gpu.lockstep.indices import grid
from dlpar.gpu.lockstep.kernel import Kernel

THREADS = 256


class Reduce:
    """A function of two numbers, made to fold a whole array. It must be associative.

    `total = cuda.reduce(lambda a, b: a + b)`, or as a decorator of a `def`.
    """

    def __init__(self, functor):
        self.kernel = _fold(Kernel(functor, device=True))

    def __call__(self, arr, size=None, res=None, init=0, stream=0):
        """Return the fold of `arr`'s first `size` elements and `init`, as a number.

        arr : (n,), host or device; not changed.  res : device array whose first element takes the
        result, and then nothing is returned.  Floats are added in pairs, not from left to right.
        Raises TypeError if `arr` has more than one dimension.
        """
        memory = arr.lockstep_memory if isinstance(arr, DeviceArray) else np.asarray(arr)
        if memory.ndim != 1:
            raise TypeError("only support 1D array")
        n = len(memory) if size is None else size
        values = np.r_[memory[:n], np.asarray([init], memory.dtype)]
        n = len(values)
        while n > 1:
            half = -(-n // 2)
            blocks = -(-half // THREADS)
            self.kernel[blocks, THREADS](values, n, half)
            n = half
        if res is None:
            return values[0]
        res[0] = values[0]
        return None


def _fold(combine):
    def fold(x, n, half):
        i = grid(1)
        if i + half < n:
            x[i] = combine(x[i], x[i + half])

    return Kernel(fold)


reduce = Reduce

"""What the lock-step machine raises, always with kernel, line, block and thread."""


class KernelError(Exception):
    """A kernel did what a GPU would punish in silence.

    `kernel`, `line` (of the file or cell), `source` (the line's text), and, where one thread is to
    blame, `block` and `thread` as (x, y, z).
    """

    def __init__(self, message, site, block=None, thread=None):
        self.kernel, self.line, self.source = site.kernel, site.line, site.text
        self.block, self.thread = block, thread
        self.message = message
        who = "" if thread is None else f", block {plain(block)}, thread {plain(thread)}"
        super().__init__(f"{site.kernel}, line {site.line}{who}: {message}\n    {site.text}")


class OutOfRange(KernelError, IndexError):
    """An index is outside its array."""


class Uninitialized(KernelError):
    """Shared or local memory was read before anybody wrote it."""


class Race(KernelError):
    """Two threads touched one element, one of them wrote, and no barrier stands between."""


class DivergentBarrier(KernelError):
    """Some threads of a block wait at a barrier that the others will never reach."""


class WrongMask(KernelError):
    """A warp primitive's mask does not name the lanes that take part."""


class EndlessLoop(KernelError):
    """A loop passed the step limit."""


class NotANumber(KernelError, ArithmeticError):
    """A result is NaN (asked for with `checks(nan=True)`)."""


class DivisionByZero(KernelError, ZeroDivisionError):
    """A division by zero (asked for with `checks(division=True)`)."""


def plain(xyz):
    """Return (x, y, z) without the zeros that say nothing: "3", or "(3, 1)"."""
    x, y, z = (int(i) for i in xyz)
    return f"({x}, {y}, {z})" if z else f"({x}, {y})" if y else f"{x}"

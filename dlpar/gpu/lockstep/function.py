"""A function of a kernel, translated: what a launch or another function calls."""

from dlpar.gpu.lockstep.loops import Translator
from dlpar.gpu.lockstep.machine import NOBODY
from dlpar.gpu.lockstep.variables import UNSET


class Frame:
    """A call that is running: what the lanes have returned so far."""

    __slots__ = ("kernel", "result")

    def __init__(self, kernel):
        self.kernel, self.result = kernel, UNSET


class Function:
    """A translated function: call it with a machine and its arguments."""

    def __init__(self, source, compile_function, checks, metered):
        self.name, self.parameters, self.source = source.name, source.parameters, source
        translator = Translator(source, compile_function, checks, metered)
        self.run = translator.block(source.tree.body) if source.tree.body else None
        self.slots, self.accesses = len(translator.slots), translator.accesses
        names = source.function.__code__.co_names
        self.cooperative = "this_grid" in names  # all blocks must run together
        self.fenced = any(name.startswith("threadfence") for name in names)
        self.by_lane = translator.names_lanes()

    def __call__(self, m, args, kernel=False):
        """Run for the active lanes; return what they return."""
        env = [*args, *[UNSET] * (self.slots - len(args))]
        saved = m.active, m.partial, m.loop, m.frame
        m.partial, m.loop, m.frame = False, None, Frame(kernel)
        if self.run is not None:
            self.run(m, env)
        result = m.frame.result
        if result is not UNSET and m.active is not NOBODY:
            raise self.source.unsupported(
                self.source.tree, "a function returns a value on all its ways, or on none"
            )
        m.active, m.partial, m.loop, m.frame = saved
        return None if result is UNSET else result

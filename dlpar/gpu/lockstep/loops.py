"""Loops of a kernel, translated once into closures `run(m, env)`.

Lanes leave a loop one by one; those that left wait until the loop has ended for all.
"""

import ast

import numpy as np

from dlpar.gpu.lockstep.machine import NOBODY
from dlpar.gpu.lockstep.statements import Statements
from dlpar.gpu.lockstep.types import truth
from dlpar.gpu.lockstep.variables import UNSET


class Loop:
    """A loop that is running: who has left it, and who waits for the next iteration."""

    __slots__ = ("broken", "continued")

    def __init__(self):
        self.broken = self.continued = NOBODY


class Translator(Statements):
    """Translates one function: loops here, the rest of its statements in `Statements`."""

    def _do_While(self, node):
        if node.orelse:
            raise self.source.unsupported(node, "while ... else is not supported")
        test, body, site = self.value(node.test), self.block(node.body), self.source.site(node)
        metered = self.metered

        def run(m, env):
            def stays():
                c = truth(test(m, env))
                if c.ndim == 0:
                    return bool(c)
                return c

            self.repeat(m, env, stays, body, site, lambda: None)

        del metered
        return run

    def _do_For(self, node):
        if node.orelse:
            raise self.source.unsupported(node, "for ... else is not supported")
        store, body = self.target(node.target), self.block(node.body)
        site, what = self.source.site(node), node.iter
        ranges = isinstance(what, ast.Call) and self.static(what.func) is range
        if ranges:
            bounds = [self.value(arg) for arg in what.args]
        else:
            items = self.value(what)

        def over(m, env, values):
            """Run the body for each of `values`, which all lanes have in common."""
            values, value = iter(values), UNSET

            def following():
                nonlocal value
                value = next(values, UNSET)
                return value is not UNSET

            self.repeat(m, env, following, body, site, lambda: store(m, env, value))

        def run(m, env):
            if not ranges:
                values = items(m, env)
                if not isinstance(values, tuple):
                    raise self.source.unsupported(node, "a loop goes over a range or a tuple")
                over(m, env, values)
                return
            ends = [bound(m, env) for bound in bounds]
            start, stop, step = (
                (np.int64(0), ends[0], np.int64(1))
                if len(ends) == 1
                else (
                    *ends,
                    *[np.int64(1)][len(ends) - 2 :],
                )
            )
            for end in (start, stop, step):
                if end.dtype.kind not in "iub":
                    where = f"{site.kernel}, line {site.line}"
                    raise TypeError(f"{where}: a range has integers for ends, not {end.dtype}")
            if not (start.ndim or stop.ndim or step.ndim):
                over(m, env, map(np.int64, range(int(start), int(stop), int(step))))
                return
            i = None

            def following():
                nonlocal i
                i = start.astype(np.int64) if i is None else i + step
                return np.where(step > 0, i < stop, i > stop)

            self.repeat(m, env, following, body, site, lambda: store(m, env, i))

        return run

    def repeat(self, m, env, stays, body, site, begin):
        """Run `begin` and `body` while `stays()`: True, False, or a vector: for whom it holds."""
        outer, m.loop = m.loop, Loop()
        loop, before, partial = m.loop, m.active, m.partial
        done = NOBODY  # lanes that have left through the loop's condition
        while m.active is not NOBODY:
            go_on = stays()
            if go_on is False:
                break
            m.step(site)
            if go_on is not True:
                leaving = ~go_on if m.active is None else m.active & ~go_on
                if leaving.any():
                    done = m.union(done, leaving)
                    staying = go_on if m.active is None else m.active & go_on
                    if self.metered:
                        m.meter.branch(m, site, staying if staying.any() else NOBODY, leaving)
                    m.active = staying if staying.any() else NOBODY
                    m.partial = True
                    if m.active is NOBODY:
                        break
                elif self.metered:
                    m.meter.branch(m, site, m.active, NOBODY)
            begin()
            body(m, env)
            if loop.continued is not NOBODY:
                m.active = m.union(m.active, loop.continued)
                loop.continued = NOBODY
                if loop.broken is NOBODY and done is NOBODY:
                    m.back_to(before)
                    m.partial = partial
        m.active = m.union(m.union(m.active, done), loop.broken)
        m.back_to(before)
        m.loop, m.partial = outer, partial

    def _do_Break(self, node):
        def run(m, env):
            m.loop.broken = m.union(m.loop.broken, m.active)
            m.active, m.partial = NOBODY, True

        return run

    def _do_Continue(self, node):
        def run(m, env):
            m.loop.continued = m.union(m.loop.continued, m.active)
            m.active, m.partial = NOBODY, True

        return run

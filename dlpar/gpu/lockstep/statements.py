"""Statements of a kernel, translated once into closures `run(m, env)`.

Control flow changes the activity mask `m.active`. Where lanes part, both sides run, one after the
other, each under its own mask; they meet again after the `if` or the loop. A lane that leaves a
loop, or returns, is taken out of the mask until the loop, or the function, has ended for all.
"""

import ast

from dlpar.gpu.lockstep.calls import Calls
from dlpar.gpu.lockstep.machine import NOBODY
from dlpar.gpu.lockstep.memory import View, load, save
from dlpar.gpu.lockstep.types import select, truth
from dlpar.gpu.lockstep.variables import UNSET, Partly


class Statements(Calls):
    """Translates the statements of one function."""

    def names_lanes(self):
        """Whether the function has a syncwarp that may name fewer than all lanes of a warp."""
        for node in ast.walk(self.source.tree):
            if isinstance(node, ast.Call) and (node.args or node.keywords):
                name = getattr(self.static(node.func), "name", None)
                mask = [self.static(arg) for arg in node.args]
                if name == "cuda.syncwarp" and mask not in ([0xFFFFFFFF], [-1]):
                    return True
        return False

    def block(self, nodes):
        """Return the closure that runs statements one after the other while a lane is active."""
        steps = [self.statement(node) for node in nodes]
        steps = [step for step in steps if step is not None]
        if len(steps) == 1:
            return steps[0]

        def run(m, env):
            for step in steps:
                step(m, env)
                if m.active is NOBODY:
                    return

        return run

    def statement(self, node):
        """Return the closure of a statement, or None if it does nothing."""
        translate = getattr(self, f"_do_{type(node).__name__}", None)
        if translate is None:
            raise self.source.unsupported(node, f"{type(node).__name__} is not supported")
        run = translate(node)
        if run is None or not self.metered:
            return run
        site = self.source.site(node)

        def metered(m, env):
            m.meter.statement(m, site)
            run(m, env)

        return metered

    def _do_Pass(self, node):
        return None

    def _do_Expr(self, node):
        if isinstance(node.value, ast.Constant):  # a docstring
            return None
        self.dropped.add(node.value)
        value = self.value(node.value)
        return lambda m, env: (value(m, env), None)[1]

    # Assignments

    def _do_Assign(self, node):
        value, stores = self.value(node.value), [self.target(target) for target in node.targets]
        if len(stores) == 1:
            (store,) = stores
            return lambda m, env: store(m, env, value(m, env))

        def run(m, env):
            result = value(m, env)
            for store in stores:
                store(m, env, result)

        return run

    def _do_AnnAssign(self, node):
        if node.value is None:
            return None
        value, store = self.value(node.value), self.target(node.target)
        return lambda m, env: store(m, env, value(m, env))

    def _do_AugAssign(self, node):
        kind = type(node.op).__name__
        if isinstance(node.target, ast.Name):
            old = self.value(ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target))
            new, store = self.arithmetic(node, kind, old, self.value(node.value)), None
            store = self.target(node.target)
            return lambda m, env: store(m, env, new(m, env))
        if not isinstance(node.target, ast.Subscript):
            raise self.source.unsupported(node, "only variables and array elements can be changed")
        owner, index = self.value(node.target.value), self.index(node.target)
        reads, writes = self.access(node), self.access(node)
        right, metered = self.value(node.value), self.metered
        # `a[i] += x` evaluates a and i once; the two halves of the sum arrive in a pair.
        apply = self.arithmetic(node, kind, lambda m, pair: pair[0], lambda m, pair: pair[1])

        def run(m, env):
            view, at = _array(self, node, owner(m, env)), index(m, env)
            _whole(self, node, view, at)
            flat = reads(m, view, at)
            if metered:
                m.meter.access(m, "load", view, flat, reads)
            before = load(m, view, flat, reads)
            value = apply(m, (before, right(m, env)))
            if metered:
                m.meter.access(m, "store", view, flat, reads)
            save(m, view, flat, value, writes)

        return run

    def target(self, node):
        """Return the closure `store(m, env, value)` of the left side of an assignment."""
        if isinstance(node, ast.Name):
            slot = self.slots[node.id]

            def assign(m, env, value):
                if m.partial and m.active is not None:
                    old = env[slot]
                    if old is UNSET:
                        if m.checks.uninitialized:
                            value = Partly(value, m.active)
                    elif type(old) is Partly:
                        value = old.merged(m, value)
                    elif old is not value:
                        value = select(m.active, value, old)
                env[slot] = value

            return assign
        if isinstance(node, ast.Tuple):
            stores = [self.target(part) for part in node.elts]

            def unpack(m, env, value):
                if not isinstance(value, tuple) or len(value) != len(stores):
                    raise self.source.unsupported(node, f"this is no tuple of {len(stores)} values")
                for store, item in zip(stores, value, strict=True):
                    store(m, env, item)

            return unpack
        if isinstance(node, ast.Subscript):
            owner, index, access = self.value(node.value), self.index(node), self.access(node)
            metered = self.metered

            def put(m, env, value):
                view, at = _array(self, node, owner(m, env)), index(m, env)
                _whole(self, node, view, at)
                flat = access(m, view, at)
                if metered:
                    m.meter.access(m, "store", view, flat, access)
                save(m, view, flat, value, access)

            return put
        raise self.source.unsupported(node, "only variables and array elements can be assigned")

    # Branches

    def _do_If(self, node):
        test, yes = self.value(node.test), self.block(node.body)
        no = self.block(node.orelse) if node.orelse else None
        site, metered = self.source.site(node), self.metered
        # The last statement of a kernel: whoever does not take it is done, and need not be merged.
        last = no is None and node is self.source.tree.body[-1]

        def run(m, env):
            c = truth(test(m, env))
            if c.ndim == 0:
                if metered:
                    m.meter.branch(m, site, m.active, NOBODY)
                if c:
                    yes(m, env)
                elif no is not None:
                    no(m, env)
                return
            before = m.active
            taken = c if before is None else c & before
            left = ~c if before is None else before & ~c
            if not taken.any():
                taken, left = NOBODY, before
            elif not left.any():
                taken, left = before, NOBODY
            if metered:
                m.meter.branch(m, site, taken, left)
            if taken is NOBODY or left is NOBODY:
                if left is NOBODY:
                    yes(m, env)
                elif no is not None:
                    no(m, env)
                return
            partial, m.partial = m.partial, not last or m.partial
            m.active = taken
            yes(m, env)
            after_yes, m.active = m.active, left
            if no is not None:
                no(m, env)
            if after_yes is taken and m.active is left:
                m.active = before
            else:
                m.active = m.union(after_yes, m.active)
            m.partial = partial or (m.loop is not None and parted(m.loop))

        return run

    def _do_Return(self, node):
        value = self.value(node.value) if _gives(node) else None
        returns = [part for part in ast.walk(self.source.tree) if isinstance(part, ast.Return)]
        if value is None and any(map(_gives, returns)):
            raise self.source.unsupported(
                node, "a function returns a value on all its ways, or on none"
            )

        def run(m, env):
            frame = m.frame
            if value is not None:
                result = value(m, env)
                whole = frame.result is UNSET or m.active is None
                frame.result = result if whole else select(m.active, result, frame.result)
            if frame.kernel:
                m.exited = m.union(NOBODY if m.exited is None else m.exited, m.running())
            m.active = NOBODY

        return run


def parted(loop):
    """Whether lanes of `loop` wait for it to end, or for its next iteration."""
    return loop.broken is not NOBODY or loop.continued is not NOBODY


def _gives(node):
    """Whether a `return` gives a value."""
    return node.value is not None and getattr(node.value, "value", "") is not None


def _array(translator, node, view):
    if not isinstance(view, View):
        raise translator.source.unsupported(node, "only the elements of an array can be assigned")
    if view.store.space == "constant":
        raise translator.source.unsupported(node, f"{view.store.name} is constant")
    return view


def _whole(translator, node, view, at):
    if len(at) != view.ndim or any(isinstance(i, slice) for i in at):
        dimensions = f"{view.store.name} has {view.ndim} dimension{'s' * (view.ndim != 1)}"
        raise translator.source.unsupported(
            node, f"one element is assigned at a time; {dimensions}"
        )

"""The communicator whose operations a plan of faults can strike: each goes through `carry_out`."""

from functools import partial

from dlpar.world.faults import OPERATIONS
from dlpar.world.virtual.comm import SimComm
from dlpar.world.virtual.faulty import FaultyWorld


class FaultyComm(SimComm):
    """A communicator whose operations the plan can strike."""

    _world: FaultyWorld

    def _launch(self, buf, dest, tag):
        world = self._world
        world.caught = []
        try:
            request = super()._launch(buf, dest, tag)
        finally:
            caught, world.caught = world.caught, None
        for time, message in caught:
            world.dispatch(time, message)
        return request

    def _post(self, buf, source, tag):
        receipt = super()._post(buf, source, tag)
        if receipt is not None:
            self._world.inside[self._me.number].receipts.append(receipt)
        return receipt

    def _finish(self, receipt, call, status=None):
        def wait():
            self._world.midway(self._me)
            SimComm._finish(self, receipt, call, status)

        self._world.carry_out(self._me, call, wait)

    def _come(self, *args, **kwargs):
        if self._world.timed:  # come in the order of time: who dies first does not come
            self._world.sleep(self._me, self._me.clock)
        self._world.midway(self._me)
        return super()._come(*args, **kwargs)

    def declare_work(self, seconds, flops):
        """Move the clock on; in two halves if something strikes between them."""

        def call():
            halves = 2 if self._world.inside[self._me.number].during else 1
            for _ in range(halves):
                SimComm.declare_work(self, seconds and seconds / halves, flops and flops / halves)
                self._world.midway(self._me)

        self._world.carry_out(self._me, "work", call)


def _carried_out(name):
    def operation(self, *args, **kwargs):
        call = partial(getattr(super(FaultyComm, self), name), *args, **kwargs)
        return self._world.carry_out(self._me, name, call)

    return operation


for _name in OPERATIONS:
    if hasattr(SimComm, _name):
        setattr(FaultyComm, _name, _carried_out(_name))

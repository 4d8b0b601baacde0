"""The simulated world on a Topology: a message is a flow, and arrives when its flow has ended.

Matching, waiting and recording are the engine's. Only the time that a message takes differs: its
first byte is at the links after the route's latency; from then on it is a flow whose rate changes
whenever another starts or ends on a link that it shares. Where a route has stages, the receiver
hears of the message (and matches it) when its first byte has crossed the latency of the first.
"""

import math
from heapq import heappop

from dlpar.world.buffers import byte_view
from dlpar.world.constants import PROC_NULL
from dlpar.world.trace import Trace
from dlpar.world.virtual.comm import TAG_MAX, SimComm
from dlpar.world.virtual.engine import Rank, World
from dlpar.world.virtual.flows import Channel, Flow, Stage, fair_rates
from dlpar.world.virtual.waiting import Probing, Receipt


class RoutedWorld(World):
    """A world whose messages share the links of a topology."""

    def __init__(self, size, topology):
        super().__init__(size, topology.flat(size))
        self.topology = topology
        self.places = topology.devices_of(size)
        self.routes = {}  # source * size + dest -> tuple of Stages
        self.channels = {}  # (link, direction) -> Channel
        self.unsettled = {}  # flows whose rates are to be found anew: an ordered set

    def route(self, source, dest):
        """Return the Stages from rank `source` to rank `dest`, and remember them."""
        stages = []
        for crossed in self.topology.stages(self.places[source], self.places[dest]):
            channels = tuple(dict.fromkeys(self._channel(*hop) for hop in crossed))
            stages.append(Stage(sum(link.latency for link, _ in crossed), channels))
        self.routes[source * self.size + dest] = route = tuple(stages)
        return route

    def _channel(self, link, forward):
        one = link, forward or link.duplex == "half"
        channel = self.channels.get(one)
        if channel is None:
            channel = self.channels[one] = Channel(link)
        return channel

    def send(self, flow):
        """Let `flow` set out at its `start`."""
        flow.due = flow.start + flow.route[0].latency if flow.route else flow.start
        self.at(flow.due, flow)

    # -------------------------------------------------------------- events

    def _next(self):
        """Take events until a rank may run; return it, or None if nothing is left to happen."""
        ready, times = self.ready, self.times
        while not ready:
            if not times:
                return None
            self.now = now = heappop(times)
            for event in self.buckets.pop(now):
                if event.__class__ is Rank:
                    self.wake(event)
                elif event.due == now:  # else its rate has changed since this was planned
                    if event.moving:
                        self._leave(event)
                    elif event.receipt is not None or event.stage:
                        self._enter(event)
                    else:
                        self._reach(event)
            if self.unsettled:
                self._settle_rates()
        return ready.popleft()

    def _begin(self, flow, receipt):
        """Start the transfer of a rendezvous, now that its receiver has called."""
        flow.receipt = receipt
        flow.start = receipt.posted
        self.send(flow)

    def _take_in(self, _, flow):
        """Let a flow that no receive waits for go on; its end is not known yet."""
        flow.known = math.inf
        self._enter(flow)
        return flow.known

    def _arrive(self, flow, receipt):
        """Let a flow go on to `receipt`."""
        flow.receipt = receipt
        self._enter(flow)

    def complete(self, envelope, receipt, end):
        """Complete a receive whose message ended at `end`, or let it wait for the end."""
        if end == math.inf:
            envelope.receipt = receipt
        else:
            super().complete(envelope, receipt, end)

    # --------------------------------------------------------------- flows

    def _enter(self, flow):
        """`now`, the first byte of `flow` has crossed the links of its stage: it flows."""
        nbytes = len(flow.data)
        if not nbytes or not flow.route:
            self._pass_on(flow)
            return
        stage = flow.route[flow.stage]
        flow.channels, flow.cap = stage.channels, stage.cap
        flow.moving, flow.left, flow.since = True, nbytes, self.now
        flow.rate = cap = stage.cap
        alone = True
        for channel in stage.channels:
            channel.flows[flow] = None
            channel.demand += cap
            if channel.demand > channel.limit:
                alone = False
        if alone:
            flow.due = due = self.now + nbytes / cap
            self.at(due, flow)
        else:
            flow.rate, flow.due = 0.0, math.inf
            self.unsettled[flow] = None

    def _leave(self, flow):
        """`now`, the last byte of `flow` is over the links of its stage."""
        flow.moving = False
        cap = flow.cap
        for channel in flow.channels:
            others = channel.flows
            del others[flow]
            if not others:
                channel.demand = 0.0
            else:
                if channel.demand > channel.limit:
                    self.unsettled.update(others)
                channel.demand -= cap
        self._pass_on(flow)

    def _pass_on(self, flow):
        """Bring `flow` to its next stage, or to its receiver."""
        flow.stage += 1
        if flow.stage < len(flow.route):
            flow.due = self.now + flow.route[flow.stage].latency
            self.at(flow.due, flow)
            return
        flow.due = math.nan
        if flow.receipt is not None:
            if flow.request is not None:
                self.settle(flow.request, self.now)
            super().complete(flow, flow.receipt, self.now)
        else:
            flow.known = self.now
            if flow.dest.awaits.__class__ is Probing:
                self.wake(flow.dest)

    def _settle_rates(self):
        """Share the links anew, among the flows that what happened `now` concerns."""
        concerned, self.unsettled = self.unsettled, {}
        done = set()
        for flow in concerned:
            if flow.moving and flow not in done:
                flows = contending(flow)
                done.update(flows)
                self._plan(flows)

    def _plan(self, flows):
        """Find the rates of `flows`, which contend with each other, and plan the first end.

        Whatever happens until then on a link that matters to them has them planned anew, and so
        has that end itself: the later ones are no events yet.
        """
        now = self.now
        for flow in flows:
            flow.left = max(0.0, flow.left - flow.rate * (now - flow.since))
            flow.since = now
        fair_rates(flows)
        for flow in flows:
            flow.due = now + flow.left / flow.rate
        first = min(flow.due for flow in flows)
        for flow in flows:
            if flow.due == first:
                self.at(first, flow)

    def trace(self):
        """Return the Trace of all that has happened so far."""
        return Trace(self.size, self.messages.copy(), self.spans)


def contending(flow):
    """Return all flows whose rates depend on each other's, `flow` first.

    Two that share a channel do if the demands on it exceed its capacity.
    """
    queue, found, seen = [flow], {flow}, set()
    for one in queue:
        for channel in one.channels:
            if channel.demand > channel.limit and channel not in seen:
                seen.add(channel)
                fresh = [other for other in channel.flows if other not in found]
                found.update(fresh)
                queue += fresh
    return queue


class RoutedComm(SimComm):
    """The communicator on a Topology."""

    def _launch(self, buf, dest, tag):
        """Put a message on its way; return the Receipt that a rendezvous waits for, or None."""
        if not (dest.__class__ is int and 0 <= dest < self.size):
            dest = self._checked_rank(dest)
            if dest == PROC_NULL:
                return None
        if not (tag.__class__ is int and 0 <= tag <= TAG_MAX):
            tag = self._checked_tag(tag)
        view = byte_view(buf)
        world, me = self._world, self._me
        sent = me.clock
        me.clock = start = sent + world.overhead
        number = self._peers[dest]
        target = world.ranks[number]
        route = world.routes.get(me.number * world.size + number)
        if route is None:
            route = world.route(me.number, number)
        key = (self._number, self.rank, tag)
        row = len(world.messages)
        world.messages.append((me.number, number, tag, len(view), sent, math.nan))
        if len(view) <= world.eager_limit:
            world.send(Flow(me, target, key, view.tobytes(), sent, start, row, route))
            return None
        request = Receipt(me, self._peers, (self._number, dest, tag), None, sent)
        request.nbytes = len(view)
        world.send(Flow(me, target, key, view, sent, start, row, route, request))
        return request

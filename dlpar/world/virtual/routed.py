"""The simulated world on a Topology: a message is a flow, and arrives when its flow has ended.

Matching, waiting and recording are the engine's. Only the time that a message takes differs: its
first byte is at the links after the route's latency; from then on it is a flow whose rate changes
whenever another starts or ends on a link that it shares. Where a route has stages, the receiver
hears of the message (and matches it) when its first byte has crossed the latency of the first.
"""

import math
from heapq import heappop

from dlpar.world.virtual.engine import World
from dlpar.world.virtual.flows import Channel, Flow, Stage, fair_rates
from dlpar.world.virtual.rank import Rank
from dlpar.world.virtual.waiting import Probing, Receipt

KEPT = 10_000  # sets of flows whose fair rates are remembered


class RoutedWorld(World):
    """A world whose messages share the links of a topology."""

    def __init__(self, size, topology):
        super().__init__(size, topology.flat(size))
        self.topology = topology
        self.places = topology.devices_of(size)
        self.routes = {}  # source * size + dest -> tuple of Stages
        self.channels = {}  # (link, direction) -> Channel
        self.shares = {}  # Stages of flows that contend -> their fair rates
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

    def send(self, comm, dest, tag, view):
        """Put a message on its way; return the Receipt that a rendezvous waits for, or None."""
        me = comm._me
        sent = me.clock
        me.clock = start = sent + self.overhead
        nbytes = len(view)
        order = me.messages_sent
        me.messages_sent = order + 1
        me.bytes_sent += nbytes
        number = comm._peers[dest]
        flow = Flow()
        if nbytes <= self.eager_limit:
            flow.data, flow.request = view.tobytes(), None
        else:
            flow.data = view
            flow.request = request = Receipt(me, comm._peers, (comm._number, dest, tag), None, sent)
            request.nbytes = nbytes
        flow.source, flow.dest = me, self.ranks[number]
        flow.key = comm._number, comm.rank, tag
        flow.nbytes, flow.sent, flow.order, flow.start = nbytes, sent, order, start
        flow.receipt, flow.stage, flow.moving = None, 0, False
        route = self.routes.get(me.number * self.size + number)
        if route is None:
            route = self.route(me.number, number)
        flow.route = route
        flow.due = due = start + route[0].latency if route else start
        self.at(due, flow)
        return flow.request

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
        flow.due = receipt.posted + flow.route[0].latency if flow.route else receipt.posted
        self.at(flow.due, flow)

    def _take_in(self, flow):
        """Let a flow that no receive waits for go on; its end is not known yet."""
        flow.known = math.inf
        self._enter(flow)
        return flow.known

    def _arrive(self, flow, receipt):
        """Let a flow go on to `receipt`."""
        flow.receipt = receipt
        self._enter(flow)

    def _hand_over(self, flow, receipt):
        """Complete a receive whose message has been waiting for it, or is still on the links."""
        flow.receipt = receipt
        if flow.known != math.inf:
            self.complete(flow, receipt, flow.known)

    # --------------------------------------------------------------- flows

    def _enter(self, flow):
        """`now`, the first byte of `flow` has crossed the links of its stage: it flows."""
        nbytes = flow.nbytes
        if not nbytes or not flow.route:
            self._pass_on(flow)
            return
        flow.crossing = stage = flow.route[flow.stage]
        flow.moving, cap, alone = True, stage.cap, True
        for channel in stage.channels:
            channel.flows[flow] = None
            channel.demand = demand = channel.demand + cap
            if demand > channel.limit:
                alone = False
        flow.left, flow.since, flow.rate = nbytes, self.now, cap
        if alone:
            flow.due = due = self.now + nbytes / cap
            self.at(due, flow)
        else:
            flow.rate, flow.due = 0.0, math.inf
            self.unsettled[flow] = None

    def _leave(self, flow):
        """`now`, the last byte of `flow` is over the links of its stage."""
        flow.moving = False
        cap = flow.crossing.cap
        for channel in flow.crossing.channels:
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
            self.complete(flow, flow.receipt, self.now)
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
        now, first = self.now, math.inf
        for flow, rate in zip(flows, self._shares(flows), strict=True):
            left = flow.left
            if flow.rate:
                left -= flow.rate * (now - flow.since)
                if left < 0.0:
                    left = 0.0
            flow.left, flow.since, flow.rate = left, now, rate
            flow.due = due = now + left / rate
            if due < first:
                first, ending = due, [flow]
            elif due == first:
                ending.append(flow)
        for flow in ending:
            self.at(first, flow)

    def _shares(self, flows):
        """Return the fair rates of `flows`, in their order, found once for the same flows."""
        crossings = tuple([flow.crossing for flow in flows])
        rates = self.shares.get(crossings)
        if rates is None:
            if len(self.shares) == KEPT:
                self.shares.clear()
            rates = self.shares[crossings] = fair_rates(crossings)
        return rates

    def _under_way(self):
        """Yield the messages that no receive has completed, some of them twice."""
        for rank in self.ranks:
            yield from rank.arrived
        for channel in self.channels.values():
            yield from channel.flows
        for time, bucket in self.buckets.items():  # what is due at another time is stale
            yield from (e for e in bucket if isinstance(e, Flow) and e.due == time)


def contending(flow):
    """Return all flows whose rates depend on each other's, `flow` first.

    Two that share a channel do if the demands on it exceed its capacity.
    """
    queue, found, seen = [flow], {flow}, set()
    for one in queue:
        for channel in one.crossing.channels:
            if channel.demand > channel.limit and channel not in seen:
                seen.add(channel)
                fresh = [other for other in channel.flows if other not in found]
                found.update(fresh)
                queue += fresh
    return queue

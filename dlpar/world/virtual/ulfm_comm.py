"""The communicator of a world whose ranks are told of deaths: mpi4py's names for ULFM."""

from dlpar.world.constants import ANY_SOURCE, ANY_TAG, UNDEFINED
from dlpar.world.virtual.comm import POLL
from dlpar.world.virtual.costs import collective_seconds
from dlpar.world.virtual.faulty_comm import FaultyComm
from dlpar.world.virtual.ulfm import Agreement, UlfmWorld
from dlpar.world.virtual.waiting import Probing, Receipt


class Group:
    """An ordered set of ranks, as of mpi4py: `members` are the world's numbers of them."""

    def __init__(self, members):
        self.members = tuple(members)
        self.size = len(self.members)

    def Get_size(self):
        """Return the number of ranks."""
        return self.size

    def Translate_ranks(self, ranks=None, group=None):
        """Return what `ranks` of this group (None: all) are in `group`; UNDEFINED if not in it."""
        there = self.members if group is None else group.members
        chosen = range(self.size) if ranks is None else ranks
        return [
            there.index(member) if (member := self.members[r]) in there else UNDEFINED
            for r in chosen
        ]


class UlfmComm(FaultyComm):
    """A communicator that outlives its members."""

    _world: UlfmWorld

    def __init__(self, *place):
        super().__init__(*place)
        self._agreements = 0  # calls of Agree and Shrink so far: they match by their count

    def Get_group(self):
        """Return the group of all members, dead or alive."""
        return Group(self._peers)

    def Get_failed(self):
        """Return the group of members that are known to be dead, in the order of dying."""
        return Group(self._failed())

    def Ack_failed(self, num_to_ack=None):
        """Acknowledge the first `num_to_ack` of Get_failed (None: all); return how many are now.

        Receives from any rank go on without them, and Agree no longer raises for them.
        """
        failed = self._failed()
        mine = self._number, self._me.number
        wanted = len(failed) if num_to_ack is None else min(num_to_ack, len(failed))
        self._world.acked[mine] = max(self._world.acked[mine], wanted)
        return self._world.acked[mine]

    def Revoke(self):
        """Make the communicator unusable: all members' calls raise MPI_ERR_REVOKED.

        At once on this rank, and on the others a tree of messages later, lg p alpha. Calls that
        have not ended then end so. Agree and Shrink go on.
        """
        self._world.carry_out(self._me, "Revoke", self._revoke)

    def _revoke(self):
        world, me = self._world, self._me
        world.revoked.add((self._number, me.number))
        everyone = {(self._number, peer) for peer in self._peers}
        later = me.clock + collective_seconds("Barrier", self.size, 0, world.network)
        world.tell(later, lambda: world.revoked.update(everyone))

    def Is_revoked(self):
        """Tell whether this rank knows that the communicator is revoked."""
        world, me = self._world, self._me
        world.sleep(me, me.clock)
        if (self._number, me.number) in world.revoked:
            return True
        me.clock += POLL
        return False

    def Shrink(self):
        """Return a new communicator of all survivors, in the old order. Collective among them.

        Cost: an agreement, 2 lg p alpha after the last has called.
        """
        world = self._world

        def conclude(brought):
            peers = tuple(self._peers[r] for r in sorted(brought))
            number = world.communicators
            world.communicators += 1
            return peers, number

        peers, number = self._agree("Shrink", None, conclude)
        me = self._me
        return type(self)(world, me, peers, peers.index(me.number), number)

    def Agree(self, flag):
        """Return the bitwise and of all survivors' `flag`, int. Collective among them.

        Raises MPIError MPI_ERR_PROC_FAILED, on all of them, if one that has died is not
        acknowledged (Ack_failed) by each. Cost: 2 lg p alpha after the last has called.
        """
        world = self._world

        def conclude(brought):
            agreed = -1
            for given, _ in brought.values():
                agreed &= given
            absent = [p for r, p in enumerate(self._peers) if r not in brought]
            news = [p for p in absent if any(p not in known for _, known in brought.values())]
            return agreed, news

        def mine():
            known = world.failed_of(self._peers)
            return int(flag), known[: world.acked[self._number, self._me.number]]

        agreed, news = self._agree("Agree", mine, conclude)
        if news:
            fates = ", ".join(f"rank {p} {world.ranks[p].fate}" for p in news)
            raise self._error("PROC_FAILED", f"Agree: {fates}")
        return agreed

    def _agree(self, name, contribution, conclude):
        """Come to the next Agreement; return what all take home."""
        world, me = self._world, self._me

        def call():
            world.midway(me)
            place = (self._number, "agreement", self._agreements)
            self._agreements += 1
            meeting = world.meetings.get(place)
            if meeting is None:
                meeting = world.meetings[place] = Agreement(
                    world, name, self._peers, place, conclude
                )
            elif meeting.call != name:
                raise self._mismatch(meeting, name)
            start = me.clock
            meeting.bring(self.rank, contribution and contribution(), start)
            if not meeting.hold():
                world.block(me, meeting)
            me.clock = meeting.end
            world.spans.append((me.number, name, start, me.clock))
            return meeting.taken

        return world.carry_out(me, name, call)

    def _failed(self):
        """Return the members that are known to be dead by now."""
        world, me = self._world, self._me
        world.sleep(me, me.clock)
        failed = world.failed_of(self._peers)
        if not failed:
            me.clock += POLL  # time passes for who asks again and again
        return failed

    # ----------------------------------------------- what a death changes

    def Iprobe(self, source=ANY_SOURCE, tag=ANY_TAG, status=None):
        """Tell whether a message that fits is there by now; raise if none can come."""
        found = super().Iprobe(source, tag, status)
        if not found:
            wanted = self._wanted(source, tag)
            error = self._world.obstacle(self._me, Probing(self._me, self._peers, wanted))
            if error is not None:
                raise error
        return found

    def _launch(self, buf, dest, tag):
        """Put a message on its way, if its receiver lives and the communicator does."""
        world, me = self._world, self._me
        if isinstance(dest, int) and 0 <= dest < self.size:
            vain = Receipt(me, self._peers, (self._number, dest, tag), None, me.clock)
            error = world.obstacle(me, vain)
            if error is not None:
                if world.inside[me.number].where.startswith("Isend"):
                    return vain
                world._withdraw(me)
                raise error
        request = world.inside[me.number].request = super()._launch(buf, dest, tag)
        return request

    def _come(self, name, *args, **kwargs):
        world, me = self._world, self._me
        if (self._number, me.number) in world.revoked:
            raise self._error("REVOKED", f"{name}: the communicator was revoked")
        return super()._come(name, *args, **kwargs)

    def _gives_up(self, receipt):
        world, me = self._world, self._me
        if receipt is None or receipt.done is not None:
            return False
        error = world._give_up(me, receipt, me.clock)
        if error is not None:
            raise error
        return receipt.done is not None

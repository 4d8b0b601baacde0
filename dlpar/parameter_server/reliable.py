"""A server for a network that loses, doubles and reorders, and for ranks that die.

Whatever a worker asks it asks again until it is answered, so everything may come twice: pushes
carry their clock, and so do pulls. A pull at clock c is answered once the worker's own gradients
0 .. c-1 are in the weights, so the answer acknowledges them: pushes cost no message more than on a
network that loses nothing. "Heard" says that the server lives, which pushes it has, and that the
answer must wait.

A server may be a chain of ranks. The head serves; each change goes down the chain, and back comes
"taken", before anything that rests on it is answered. At staleness 0 a change is the sum of all
workers' gradients: replication costs 1/p of what the pushes cost. When the head is dead, the
workers go to the next of the chain, which has all that was acknowledged.
Source: Li et al., OSDI 2014, section 4.3; van Renesse & Schneider, OSDI 2004.
"""

import contextlib

from dlpar.parameter_server.mailbox import Mailbox, Patience
from dlpar.parameter_server.reliable_shard import ENTRY_HEAD
from dlpar.parameter_server.server import CLOCK, DONE, HEADER, PULL, PUSH, REPLY, VERSION
from dlpar.world import clock as time_of

HEARD, GONE, JOIN, WELCOME, BYE, ENTRY, TAKEN = range(REPLY + 2, REPLY + 9)  # tags, after DONE
DEPOSED = -1  # in a TAKEN: who answers has become the head itself


def serve_reliably(comm, shard, patience=None, chain=None, changed=None):
    """Serve `shard` until each of its workers is done or was dropped.

    Parameters
    ----------
    comm : nobody else may use it; `comm.Dup()` makes one.
    shard : ReliableShard, the same on all ranks of the chain when they start.
    patience : Patience, the same on all ranks; None for the default one.
    chain : ranks that serve this shard, the head first; None for this rank alone.
    changed : function of the shard, called when its weights or members have changed and before that
        is acknowledged: for a checkpoint. None for nothing.

    Returns
    -------
    list of Applied. A server that was deposed, since its workers took it for dead, returns early.

    Raises
    ------
    ValueError : this rank is not in the chain, before any message; an acknowledged gradient is
        not here, so that one has been lost.

    A rank that is silent for `patience.tries * patience.seconds` is taken for dead, twice that if
    one stands after it in the chain, which it may be waiting for, and so on. One that lives all the
    same is deposed: it can acknowledge nothing more. After its work a server stays for as long as
    another may still ask.
    """
    chain = [comm.rank] if chain is None else list(chain)
    if comm.rank not in chain:
        raise ValueError(f"rank {comm.rank} is not in the chain {chain}")
    server = _Server(comm, shard, (patience or Patience()).check(), chain, changed)
    with contextlib.suppress(_Deposed):
        server.serve()
    return shard.history


def tries_for(tries, chain):
    """Return how often to ask the first of `chain`: it may be waiting in this way for the others.

    Each rank waits for the next, and for the one after that if the next is dead: with m ranks
    tries + the sum of what 1, 2, ... m - 1 ranks take, which doubles with each.
    """
    return tries << (len(chain) - 1)


class _Deposed(Exception):
    """The next of the chain serves in this rank's place."""


class _Server:
    def __init__(self, comm, shard, patience, chain, changed):
        self.comm, self.shard, self.patience = comm, shard, patience
        self.changed, self.seen = changed, shard.entries
        place = chain.index(comm.rank)
        self.before, self.after = chain[:place], chain[place + 1 :]
        self.is_head = place == 0
        self.leaving = {}  # worker -> its last clock: DONEs not answered yet
        self.heard = {}  # worker -> when, s
        # At most: the entry of an update, or a push.
        size = HEADER + ENTRY_HEAD + 1 + 3 * len(shard.pushed) + shard.weights.size
        self.mail = Mailbox(comm, size, shard.weights.dtype)
        # Workers take less than that to come here from the dead before this one.
        self.stay = patience.seconds * tries_for(patience.tries, [*chain, comm.rank])
        self.head_heard = time_of(comm)
        shard.replicate = self.replicate

    def serve(self):
        """Answer until all are done, and then for a while those who have not heard of it."""
        while self.shard.at_work:
            came = self.mail.receive(self.patience.seconds)
            if came is not None:
                self.take(*came)
            self.give_up_the_silent()
            if self.changed is not None and self.shard.entries != self.seen:
                self.changed(self.shard)
                self.seen = self.shard.entries
            self.answer()
        end = time_of(self.comm) + self.stay
        while time_of(self.comm) < end:
            came = self.mail.receive(self.patience.seconds)
            if came is not None:
                self.take(*came)
                end = time_of(self.comm) + self.stay

    def take(self, source, tag, message):
        """Do what one message asks for."""
        shard = self.shard
        if tag == TAKEN:  # it waits for none: the entry was sent twice
            if message[0] == DEPOSED:
                raise _Deposed
            return
        if tag == ENTRY:
            if not self.is_head:
                shard.replay(message)
                self.head_heard = time_of(self.comm)
            self.mail.send([DEPOSED if self.is_head else message[0]], source, TAKEN)
            return
        self.head_from_now_on()
        self.heard[source] = time_of(self.comm)
        if tag == JOIN:
            shard.join(source, int(message[CLOCK]))
            self.mail.send([message[CLOCK], shard.pushed[source]], source, WELCOME)
        elif source not in shard.at_work:
            self.dismiss(source, tag, message[CLOCK])
        elif tag == PUSH:
            shard.push(source, int(message[CLOCK]), int(message[VERSION]), message[HEADER:])
        else:
            clock, acknowledged = map(int, message)
            shard.check(source, acknowledged)
            if tag == PULL:
                shard.pull(source, clock)
            elif tag == DONE:
                self.leaving[source] = clock
            self.answer(asked=source)

    def answer(self, asked=None):
        """Answer what can be answered; tell the worker `asked` that its question must wait."""
        shard = self.shard
        for worker, last in list(self.leaving.items()):
            if shard.included[worker] == last:
                del self.leaving[worker]
                shard.leave(worker)
                self.mail.send([], worker, BYE)
        for worker in shard.due():
            self.mail.send(shard.reply(), worker, REPLY)
        if asked in shard.pulls or asked in self.leaving:
            self.mail.send([shard.pushed[asked]], asked, HEARD)

    def dismiss(self, worker, tag, clock):
        """Answer one that is not at work: it was given up, or has not heard that it may go."""
        if worker in self.shard.dropped:
            self.mail.send([clock], worker, GONE)
        elif tag == DONE:
            self.mail.send([], worker, BYE)

    def give_up_the_silent(self):
        """Drop workers that have been silent for the limit; take over from a silent head."""
        now, limit = time_of(self.comm), self.patience.limit
        if not self.is_head:
            if now - self.head_heard > 2 * limit:  # it would have dropped somebody by then
                self.head_from_now_on()
            return
        for worker in list(self.shard.at_work):
            if now - self.heard.setdefault(worker, now) > limit:
                self.leaving.pop(worker, None)
                self.shard.leave(worker, dropped=True)

    def head_from_now_on(self):
        """Serve the workers in place of the ranks before this one; if they live, tell them."""
        if not self.is_head:
            for rank in self.before:
                self.mail.send([DEPOSED], rank, TAKEN)
        self.is_head = True

    def replicate(self, entry):
        """Return when the next of the chain has taken `entry`, or when all of them are dead."""
        tries, seconds = self.patience.tries, self.patience.seconds
        while self.after:
            for _ in range(tries_for(tries, self.after)):
                self.mail.send(entry, self.after[0], ENTRY)
                if self.is_taken(entry[0], seconds):
                    return
            del self.after[0]

    def is_taken(self, number, seconds):
        """Tell whether the next of the chain says so within `seconds`."""
        end = time_of(self.comm) + seconds
        while (left := end - time_of(self.comm)) > 0:
            came = self.mail.receive(left, self.after[0], TAKEN)
            if came is not None and came[2][0] == DEPOSED:
                raise _Deposed
            if came is not None and came[2][0] == number:
                return True
        return False

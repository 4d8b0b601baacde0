"""Who waits for whom, in words: what a simulation says when nothing more can happen."""

SHOWN = 8  # ranks outside the cycle that an explanation spells out


class Deadlock(RuntimeError):
    """Every unfinished rank waits for something that will never happen.

    waits : list of (rank, tuple of ranks it waits for, sentence), a cycle first if there is one.
    trace : what had happened until then.
    """

    def __init__(self, message, waits=(), trace=None):
        super().__init__(message)
        self.waits = waits
        self.trace = trace


def deadlock(world):
    """Return the Deadlock of a world in which nothing is left to happen."""
    waits = {rank.number: _explain(world, rank) for rank in world.ranks if not rank.finished}
    cycle = circle(waits)
    order = cycle + [r for r in waits if r not in cycle]
    shown = order[: len(cycle) + SHOWN]
    text = "; ".join(f"rank {r} {waits[r][1]}" for r in shown)
    if len(shown) < len(order):
        text += f"; and {len(order) - len(shown)} more ranks wait"
    if cycle:
        text += f". They wait in a circle: {' -> '.join(map(str, [*cycle, cycle[0]]))}"
    return Deadlock(text, [(r, *waits[r]) for r in order], world.trace())


def whereabouts(world):
    """Return a sentence for each of the first unfinished ranks but the running one."""
    others = [r for r in world.ranks if not r.finished and r is not world.running]
    said = [f"rank {rank.number} {_explain(world, rank)[1]}" for rank in others[:SHOWN]]
    if len(others) > SHOWN:
        said.append(f"and {len(others) - SHOWN} more ranks have not finished")
    return said


def others_wait(world, one):
    """Return the waits of all unfinished ranks but `one`, as a Deadlock has them."""
    others = [rank for rank in world.ranks if not rank.finished and rank is not one]
    return [(rank.number, *_explain(world, rank)) for rank in others]


def _explain(world, rank):
    """Return (ranks that `rank` waits for, "waits for rank 1 to send tag 3")."""
    return ((), "could run on") if rank.awaits is None else rank.awaits.explain(world)


def circle(waits):
    """Return ranks that wait for each other in a circle, from the lowest on, or [].

    waits : {rank: (ranks it waits for, ...)}.
    """
    for first in waits:
        path = [first]
        while True:
            following = next((r for r in waits[path[-1]][0] if r in waits), None)
            if following is None:
                break
            if following in path:
                found = path[path.index(following) :]
                start = found.index(min(found))
                return found[start:] + found[:start]
            path.append(following)
    return []

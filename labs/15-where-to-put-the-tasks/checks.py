"""The checks of lab 15: where GPUs are, what links carry, and jobs in a cluster, virtual time."""

from collections import Counter
from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

from dlpar.labs import CheckFailure, Task
from dlpar.scheduler import Counters, Job, Start, gpu_cluster, pack, schedule, spread

NODE, SOCKET, SWITCH = range(3)  # of a place
LEVELS = ("switch", "socket", "node", "cluster")  # distance 1, 2, 3, 4


# pack and spread: GPUs are numbers, and places[g] is (node, socket, switch)


class Room(NamedTuple):
    """GPUs, where they are, and which are free."""

    words: str
    places: tuple[tuple[int, int, int], ...]
    free: tuple[int, ...]
    asked: tuple[int, ...]  # sizes of the jobs that are tried, each alone


def regular(nodes, sockets=2, switches=2, gpus=2):
    """Return the places of nodes all alike, in order."""
    return tuple((n, n * sockets + s, (n * sockets + s) * switches + w)
                 for n in range(nodes) for s in range(sockets) for w in range(switches)
                 for _ in range(gpus))  # fmt: skip


def left_in(places, left):
    """Return the free GPUs if as many are left in each switch, in order, as `left` says."""
    free, names = [], list(dict.fromkeys(place[SWITCH] for place in places))
    for name, k in zip(names, left, strict=True):
        free += [g for g, place in enumerate(places) if place[SWITCH] == name][:k]
    return tuple(free)


def shuffled(places, rng):
    """Return the same places under other names and with other numbers for the GPUs."""
    names = [rng.permutation(1 + max(place[i] for place in places)) for i in range(3)]
    moved = [tuple(int(name[x]) for name, x in zip(names, place, strict=True)) for place in places]
    return tuple(moved[i] for i in rng.permutation(len(moved)))


TWO, THREE = regular(2), regular(3)


def public_rooms(rng):
    yield Room("two idle nodes of 8", TWO, tuple(range(16)), (1, 2, 3, 4, 8, 12, 16))
    full = left_in(TWO, (2, 2, 2, 2, 2, 1, 0, 1))
    yield Room("8 GPUs of one node and 4 of the other are free", TWO, full, (1, 2, 3, 4, 5, 8, 9))
    thin = left_in(TWO, (1, 1, 1, 1, 1, 1, 0, 0))
    yield Room("no switch has more than one free", TWO, thin, (1, 2, 3, 4, 5, 6, 7))
    odd = left_in(THREE, (2, 1, 2, 2, 1, 0, 1, 1, 2, 2, 0, 1))
    yield Room("three nodes, broken", THREE, odd, (1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 15))
    trap = left_in(THREE, (2, 2, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0))
    yield Room("4 free in each of two nodes, on two and on four switches", THREE, trap, (2, 3, 4))
    yield Room("nothing is free", TWO, (), (1, 2))


def held_out_rooms(rng):
    for nodes in (2, 3, 5):
        for share in (0.4, 0.7):
            places = shuffled(regular(nodes, 2, 2, int(rng.integers(2, 4))), rng)
            free = tuple(int(g) for g in np.flatnonzero(rng.random(len(places)) < share))
            asked = sorted({1, 2, 4, *map(int, rng.integers(1, len(free) + 2, 8))})
            words = f"{nodes} nodes, {len(free)} of {len(places)} GPUs free, in any order"
            yield Room(words, places, free, tuple(asked))


def placed(function, room, k):
    """Ask the learner's function; return its GPUs, or None where there are too few."""
    got = function(k, list(room.free), list(room.places))
    who = f"for {k} of {len(room.free)} free GPUs it"
    if k > len(room.free):
        if got is not None:
            raise CheckFailure(f"{who} returned {str(got)[:60]}: return None")
        return None
    gpus_of(got, k, room.free, who)
    return list(got)


def gpus_of(got, k, free, who):
    """Refuse what is not k different GPUs of `free`."""
    if not isinstance(got, list | tuple) or not all(type(g) is int for g in got):
        raise CheckFailure(f"{who} returned {str(got)[:60]}: not a list of GPUs' numbers")
    if len(got) != k:
        raise CheckFailure(f"{who} gave {len(got)} GPUs: a gang runs on all of its {k}, or waits")
    if len(set(got)) != k:
        raise CheckFailure(f"{who} gave one GPU twice: {got}")
    for g in got:
        if g not in free:
            raise CheckFailure(f"{who} gave GPU {g}, which is not free")


def distance(a, b):
    """Return 1 for places on one switch, 2 in one socket, 3 in one node, 4 beyond."""
    return 4 - max((i + 1 for i in range(3) if a[i] == b[i]), default=0)


def groups(free, places, level):
    """Return {name of a place: how many of `free` are there}."""
    return Counter(places[g][level] for g in free)


def packs(rooms):
    def check(function, rng):
        for room in rooms(rng):
            yield room.words
            for k in room.asked:
                got = placed(function, room, k)
                if got is not None:
                    held_near(got, room, k)

    return check


def held_near(got, room, k):
    """Hold a packed job against the least distance, and the fullest place with room."""
    far = max((distance(room.places[a], room.places[b]) for a, b in combinations(got, 2)),
              default=1)  # fmt: skip
    rooms = {d: groups(room.free, room.places, 3 - d) for d in (1, 2, 3)}
    par = next((d for d in (1, 2, 3) if max(rooms[d].values()) >= k), 4)
    if far > par:
        said = f"for {k} GPUs it chose {got}, which share no more than a {LEVELS[far - 1]}"
        raise CheckFailure(f"{said}: one {LEVELS[par - 1]} has room")
    if par == 4:
        nodes, least = len(groups(got, room.places, NODE)), 0
        for least, _ in enumerate(rooms[3], start=1):
            if sum(sorted(rooms[3].values())[-least:]) >= k:
                break
        if nodes > least:
            raise CheckFailure(f"for {k} GPUs it took {nodes} nodes, and {least} have room")
        return
    mine = rooms[par][room.places[got[0]][3 - par]]
    fullest = min(n for n in rooms[par].values() if n >= k)
    if mine > fullest:
        said = f"for {k} GPUs it broke a {LEVELS[par - 1]} with {mine} free"
        raise CheckFailure(f"{said}; one with {fullest} has room, and would be fuller")


def spreads(rooms):
    def check(function, rng):
        for room in rooms(rng):
            yield room.words
            for k in room.asked:
                got = placed(function, room, k)
                if got is not None:
                    held_even(got, room, k)

    return check


def held_even(got, room, k):
    """At each level what is left must be as even as one after another from the largest makes it."""
    for level, name in ((NODE, "node"), (SOCKET, "socket"), (SWITCH, "switch")):
        for outer in {room.places[g][:level] for g in got}:
            inside = [g for g in room.free if room.places[g][:level] == outer]
            taken = [g for g in got if room.places[g][:level] == outer]
            before = groups(inside, room.places, level)
            par = Counter(before)
            for _ in taken:
                par[max(par, key=par.__getitem__)] -= 1
            left = Counter(before)
            left.subtract(groups(taken, room.places, level))
            if sorted(left.values()) != sorted(par.values()):
                said = f"for {k} GPUs, {len(taken)} {name_of(level, outer)} leave"
                mine, best = sorted(left.values()), sorted(par.values())
                raise CheckFailure(f"{said} {mine} free in each {name}, not {best}")


def name_of(level, outer):
    return ("of all", f"in node {outer[0]}" if outer else "",
            f"in socket {outer[1]}" if len(outer) > 1 else "")[level]  # fmt: skip


# make_room: jobs hold GPUs, and one that comes needs a node


class Filled(NamedTuple):
    """Who holds which GPUs, and how many a new job needs in one node."""

    words: str
    places: tuple[tuple[int, int, int], ...]
    jobs: tuple[tuple[int, ...], ...]
    asked: tuple[int, ...]


def run_of(*sizes, start=0):
    """Return jobs of these sizes on GPUs in a row; a negative size leaves GPUs free."""
    jobs = []
    for size in sizes:
        if size > 0:
            jobs.append(tuple(range(start, start + size)))
        start += abs(size)
    return tuple(jobs)


def public_filled(rng):
    yield Filled("two idle nodes", TWO, (), (1, 8, 9, 16))
    yield Filled("a full node and an idle one", TWO, run_of(8), (1, 8, 9))
    yield Filled("two GPUs are held in each node", TWO, run_of(2, -6, 2, -6), (6, 7, 8, 9))
    yield Filled("jobs of 4 in both nodes", TWO, run_of(4, -4, 4, -4), (4, 5, 8, 9))
    yield Filled("jobs of 3, 2, 2, and 1 is free", TWO, run_of(3, 2, 2, -1, -5, 3), (2, 6, 7))
    yield Filled(
        "the node with most free has large jobs", TWO, run_of(4, -4, 1, 1, 1, 2, -3), (5, 6)
    )
    across = ((0, 8, 9), (1, 2, 3, 4), (10, 11))
    yield Filled(
        "a job with one GPU in one node and two in the other", TWO, across, (4, 5, 6, 7, 8)
    )
    yield Filled("one more GPU is asked for than is free", TWO, run_of(4, 4, -2, 6), (2, 3))


def held_out_filled(rng):
    for nodes, most in ((2, 3), (3, 3), (3, 5), (4, 4)):
        for tight in (0.5, 0.8):
            places = shuffled(regular(nodes), rng)
            line = [int(g) for g in rng.permutation(len(places))]
            jobs = []
            while sum(map(len, jobs)) < tight * len(places) - most:
                size, start = int(rng.integers(1, most + 1)), sum(map(len, jobs))
                jobs.append(tuple(line[start : start + size]))
            yield Filled(
                f"{nodes} nodes, {len(jobs)} jobs", places, tuple(jobs), tuple(range(2, 10))
            )


def rooms_made(cases):
    def check(function, rng):
        for case in cases(rng):
            yield case.words
            for k in case.asked:
                got = function(k, [list(job) for job in case.jobs], list(case.places))
                made(got, k, case)

    return check


def made(got, k, case):
    """The jobs that move make room for k in one node, and no others would do with less."""
    par = fewest(k, case)
    who = f"for {k} GPUs it"
    if par is None or got is None:
        if got is not None:
            raise CheckFailure(f"{who} would move {str(got)[:60]}: no moves can help, return None")
        if par is not None:
            raise CheckFailure(f"{who} gave up, and {par} GPUs that move are enough")
        return
    if not isinstance(got, list | tuple) or not all(
        type(j) is int and 0 <= j < len(case.jobs) for j in got
    ):
        raise CheckFailure(f"{who} returned {str(got)[:60]}: not a list of jobs' numbers")
    if len(set(got)) != len(got):
        raise CheckFailure(f"{who} moves a job twice: {got}")
    staying = {g for j, job in enumerate(case.jobs) if j not in got for g in job}
    free = groups(set(range(len(case.places))) - staying, case.places, NODE)
    if max(free.values(), default=0) < k:
        raise CheckFailure(f"{who} moves jobs {list(got)}, and no node has {k} GPUs free then")
    cost = sum(len(case.jobs[j]) for j in got)
    if cost > par:
        raise CheckFailure(f"{who} moves jobs that hold {cost} GPUs, par is {par}")


def fewest(k, case):
    """Return how many GPUs must move, or None if that does not help."""
    if len(case.places) - sum(map(len, case.jobs)) < k:
        return None
    costs = []
    for node, size in groups(range(len(case.places)), case.places, NODE).items():
        least = {0: 0}  # GPUs that are freed here: GPUs that move
        for job in case.jobs:
            inside = sum(case.places[g][NODE] == node for g in job)
            for freed, cost in list(least.items()) if inside else ():
                now = freed + inside
                least[now] = min(least.get(now, len(case.places)), cost + len(job))
        free = size - max(least)
        costs += [cost for freed, cost in least.items() if free + freed >= k]
    return min(costs, default=None)


# share: rates of flows on links


class Network(NamedTuple):
    """Links' GB/s, and how many flows of each job cross which link."""

    words: str
    links: dict[str, float]
    jobs: tuple[dict[str, int], ...]


PUBLIC_NETWORKS = (
    Network("one job, one link", {"card": 10.0}, ({"card": 1},)),
    Network("one job, two links", {"switch": 12.0, "card": 3.0}, ({"switch": 1, "card": 1},)),
    Network("two jobs on one link", {"card": 10.0}, ({"card": 1}, {"card": 1})),
    Network("a job with three flows beside one with one", {"card": 10.0},
            ({"card": 3}, {"card": 1})),
    Network("two jobs that share nothing", {"a": 4.0, "b": 9.0}, ({"a": 1}, {"b": 2})),
    Network("one is held up elsewhere, the other has the rest", {"card": 10.0, "slow": 2.0},
            ({"card": 1, "slow": 1}, {"card": 1})),
    Network("three on two links, the middle one on both", {"a": 10.0, "b": 6.0},
            ({"a": 1}, {"a": 1, "b": 1}, {"b": 1})),
    Network("what is left is left twice", {"a": 1.0, "b": 4.0, "c": 10.0},
            ({"a": 1}, {"a": 1, "b": 1}, {"b": 1, "c": 1}, {"c": 1})),
    Network("many on the wide link, one on the narrow one", {"a": 4.0, "b": 10.0},
            ({"a": 1, "b": 1}, {"b": 4})),
    Network("a link that nobody uses", {"a": 6.0, "b": 0.5}, ({"a": 1}, {"a": 2})),
    Network("two links are full at once", {"a": 6.0, "b": 6.0},
            ({"a": 1}, {"a": 1, "b": 1}, {"b": 1})),
    Network("no jobs", {"a": 6.0}, ()),
)  # fmt: skip


def public_networks(rng):
    return PUBLIC_NETWORKS


def held_out_networks(rng):
    for jobs, links in ((2, 2), (4, 3), (8, 5), (12, 8), (20, 6)):
        names = [f"link{i}" for i in range(links)]
        speed = {name: float(np.round(rng.uniform(1, 20), 2)) for name in names}
        crossed = []
        for _ in range(jobs):
            some = rng.choice(names, int(rng.integers(1, links + 1)), replace=False)
            crossed.append({str(name): int(rng.integers(1, 5)) for name in some})
        yield Network(f"{jobs} jobs on {links} links", speed, tuple(crossed))


def shares(networks):
    def check(function, rng):
        for network in networks(rng):
            yield network.words
            rates = function([dict(job) for job in network.jobs], dict(network.links))
            fair(rates, network)

    return check


def fair(rates, network):
    """Rates are max-min fair if no link is overfull, and each job has a full link on which no
    other flow is faster than its own: a certificate, which only these rates have.
    """  # fmt: skip
    if not isinstance(rates, list | tuple) or not all(
        isinstance(rate, int | float) and not isinstance(rate, bool) for rate in rates
    ):
        raise CheckFailure(f"it returned {str(rates)[:60]}: not a list of rates")
    if len(rates) != len(network.jobs):
        raise CheckFailure(f"it returned {len(rates)} rates for {len(network.jobs)} jobs")
    for i, rate in enumerate(rates):
        if not rate > 0:
            raise CheckFailure(f"job {i} has a rate of {rate:.4g} GB/s, and waits for ever")
    load = {name: sum(job.get(name, 0) * rate for job, rate in zip(network.jobs, rates,
            strict=True)) for name in network.links}  # fmt: skip
    for name, speed in network.links.items():
        if load[name] > speed * (1 + 1e-6):
            raise CheckFailure(f"link {name} would carry {load[name]:.4g} of its {speed:.4g} GB/s")
    for i, (job, rate) in enumerate(zip(network.jobs, rates, strict=True)):
        full = [name for name in job if load[name] >= network.links[name] * (1 - 1e-6)]
        if not full:
            raise CheckFailure(f"job {i} has {rate:.4g} GB/s, and no link that it crosses is full")
        if not any(
            all(other <= rate * (1 + 1e-6) for beside, other in zip(network.jobs, rates,
                strict=True) if name in beside) for name in full
        ):  # fmt: skip
            said = f"job {i} has {rate:.4g} GB/s a flow; on each full link that it crosses"
            raise CheckFailure(f"{said} somebody has more")


# decide: the learner's policy in our cluster

LESSON_SLACK, SLACK = 1.03, 1.15  # on the mean completion time of a few jobs, of streams
PATIENCE = 4  # times as long as it computes that a talker of ours waits for a node
COUNT, STREAMS = 60, 3
TALKER = Job(1, 1, compute=0.297, nbytes=553.4e6, name="talker")  # VGG-16, data in memory
READER = Job(1, 1, compute=0.0437, batch_bytes=19.3e6, pattern="none", name="reader")
TALKERS, READERS = {2: 0.3, 4: 0.4, 8: 0.3}, {1: 0.4, 2: 0.3, 4: 0.3}  # GPUs: share


@cache
def cluster_of(nodes):
    """Return the Cluster: 10 Gb/s between nodes, 0.7 GB/s of decoded pictures for a socket."""
    return gpu_cluster(nodes, ethernet=1.25e9, decoding=0.7e9)


@cache
def numbered(cluster):
    """Return places, (node, socket, switch) of each GPU, as numbers."""
    names = [{} for _ in range(3)]
    return [tuple(known.setdefault(name, len(known)) for known, name in
                  zip(names, (place.node, place.socket, place.switch), strict=True))
            for place in cluster.places.values()]  # fmt: skip


def job_of(kind, gpus, seconds, arrival=0.0):
    """Return a Job that computes for `seconds`."""
    steps = max(1, round(seconds / kind.compute))
    return Job(gpus, steps, kind.compute, kind.nbytes, kind.pattern, kind.batch_bytes,
               float(arrival), kind.name)  # fmt: skip


def stream_of(rng, gpus):
    """Return COUNT jobs: half are talkers, and few have most of the work."""
    kinds = [(TALKER, TALKERS) if rng.random() < 0.5 else (READER, READERS) for _ in range(COUNT)]
    asked = [int(rng.choice(list(sizes), p=list(sizes.values()))) for _, sizes in kinds]
    seconds = 600 * np.exp(1.3 * rng.standard_normal(COUNT))
    gap = float(seconds @ asked) / COUNT / (1.2 * gpus)
    arrivals = np.cumsum(rng.exponential(gap, COUNT))
    return [job_of(kind, k, s, t) for (kind, _), k, s, t in
            zip(kinds, asked, seconds, arrivals, strict=True)]  # fmt: skip


def facts(entry, now, cluster):
    """Return what a policy is told of a job: plain numbers."""
    job, left = entry.job, entry.left
    if entry.gpus:
        left = max(0.0, left - max(0.0, now - max(entry.counted, entry.ready)) / entry.seconds)
    order = cluster.order
    told = {"job": entry.number, "gpus": job.gpus, "seconds": left * job.compute,
            "sends": job.nbytes, "reads": job.batch_bytes, "arrived": job.arrival}  # fmt: skip
    return told | ({"on": [order[gpu] for gpu in entry.gpus]} if entry.gpus else {})


def policy_of(decide):
    """Return the policy that asks `decide` and carries out what it says, if that can be."""

    def asks(view):
        if not view.queue or not view.free:
            return
        cluster, waiting = view.cluster, {entry.number: entry for entry in view.waiting}
        told = [facts(waiting[number], view.now, cluster) for number in sorted(waiting)]
        running = [facts(entry, view.now, cluster) for entry in view.running]
        free = [cluster.order[gpu] for gpu in view.free]
        starts = decide(float(view.now), told, running, list(free), list(numbered(cluster)))
        for number, gpus in pairs(starts):
            if number not in waiting:
                raise CheckFailure(f"job {number} is started, and does not wait")
            job = waiting.pop(number).job
            gpus_of(gpus, job.gpus, free, f"at {view.now:.0f} s, for job {number}, it")
            free = [g for g in free if g not in set(gpus)]
            yield Start(view.queue[number], [cluster.gpus[g] for g in gpus])

    return asks


def pairs(starts):
    if not isinstance(starts, list | tuple):
        raise CheckFailure(f"it returned {str(starts)[:60]}: not a list of (job, GPUs)")
    for start in starts:
        if not (isinstance(start, list | tuple) and len(start) == 2 and type(start[0]) is int):
            raise CheckFailure(f"a start is (job, GPUs), not {str(start)[:60]}")
    return starts


def ours(now, waiting, running, free, places):
    """The authors' policy: the bar."""
    free, starts = set(free), []
    readers = Counter(places[g][SOCKET] for job in running if job["reads"] for g in job["on"])
    for job in sorted(waiting, key=lambda job: job["gpus"] * job["seconds"]):
        k, left = job["gpus"], Counter(places[g][NODE] for g in free)
        if k > len(free):
            continue
        if job["reads"]:
            on = []
            for _ in range(k):
                on.append(min(free, key=lambda g: (readers[places[g][SOCKET]], g)))
                free.remove(on[-1])
                readers[places[on[-1]][SOCKET]] += 1
        else:
            fits = max(left.values()) >= k
            if not fits and now - job["arrived"] < PATIENCE * job["seconds"]:
                continue
            on = sorted(free, key=lambda g: near(places[g][NODE], left, k, fits))[:k]
            free.difference_update(on)
        starts.append((job["job"], on))
    return starts


def near(node, left, k, fits):
    """Order nodes: those with room, the fullest first; without any, the emptiest."""
    return left[node] < k, left[node] if fits else -left[node], node


def smallest_first(placement):
    """Return a policy that lets small jobs pass, and places them all alike."""

    def passing(view):
        for entry in sorted(view.waiting, key=lambda entry: entry.job.work):
            gpus = placement(entry.job, view.free, view.cluster)
            if gpus is not None:
                yield Start(entry, gpus)

    return passing


BARS = {"pack": pack, "spread": spread}


def completion(jobs, policy, cluster):
    """Return the mean time from a job's arrival to its end, in s; all of them end."""
    try:
        done = schedule(jobs, cluster, policy, Counters)
    except RuntimeError as error:
        if "starts nothing on an idle cluster" not in str(error):
            raise
        raise CheckFailure(
            "jobs wait, none runs, and none is started: they wait for ever"
        ) from None
    return float(done.completion.mean())


class Lesson(NamedTuple):
    """A few jobs in which one thing counts."""

    words: str
    why: str
    jobs: tuple[Job, ...]


def gangs(kind, count, gpus, seconds, arrival=0.0):
    """Return `count` jobs alike."""
    return (job_of(kind, gpus, seconds, arrival),) * count


LESSONS = (
    Lesson("four readers of one GPU each", "the GPUs of a socket read from the same cores",
           gangs(READER, 4, 1, 1000)),
    Lesson("a reader of eight GPUs", "the GPUs of a socket read from the same cores",
           gangs(READER, 1, 8, 1000)),
    Lesson("a talker of two is on the last node, two readers come, one by one",
           "a talker does not read: count readers, not GPUs that are free",
           (*gangs(TALKER, 3, 8, 3700), *gangs(TALKER, 1, 2, 3700),
            *(job_of(READER, 1, 2000, t) for t in (1, 2)))),
    Lesson("talkers of two, and then of eight", "whoever needs a node finds them all broken",
           (*gangs(TALKER, 4, 2, 5000), *gangs(TALKER, 3, 8, 1000, 1))),
    Lesson("a talker of eight where one node is whole", "what crosses nodes takes thrice as long",
           (*gangs(TALKER, 3, 6, 5000), *gangs(TALKER, 1, 8, 1000, 1))),
    Lesson("large jobs wait, and small ones come after them", "small jobs need not wait for large",
           (*gangs(TALKER, 4, 8, 500), *gangs(TALKER, 4, 8, 9000, 1),
            *gangs(TALKER, 4, 8, 100, 5))),
    Lesson("a job of eight cannot start, one of four could", "free GPUs help nobody",
           (*gangs(TALKER, 3, 8, 5000), *gangs(TALKER, 1, 4, 5000), *gangs(TALKER, 1, 8, 300, 1),
            *gangs(TALKER, 1, 4, 400, 2))),
    Lesson("no node has room for a talker, and one will have it soon",
           "to wait a little is better than to cross nodes for long",
           (*gangs(TALKER, 3, 6, 9000), *gangs(TALKER, 1, 6, 500), *gangs(TALKER, 1, 4, 4000, 1))),
    Lesson("no node has room for a short talker, and none will for hours",
           "to cross nodes for a little is better than to wait for long",
           (*gangs(TALKER, 4, 6, 20000), *gangs(TALKER, 1, 4, 100, 1),
            *(job_of(READER, 1, 10, t) for t in range(60, 6000, 60)))),
)  # fmt: skip


def decides(nodes, lessons=()):
    def check(function, rng):
        cluster, mine = cluster_of(4), policy_of(function)
        for lesson in lessons:
            yield lesson.words
            took, par = (completion(lesson.jobs, policy, cluster)
                         for policy in (mine, policy_of(ours)))  # fmt: skip
            if took > LESSON_SLACK * par:
                said = f"mean completion time {took:.0f} s, ours {par:.0f} s"
                raise CheckFailure(f"{said}: {lesson.why}")
        yield f"{STREAMS} streams of {COUNT} jobs on {nodes} nodes"
        seed = int(rng.integers(2**60))
        took = mean_of(seed, nodes, mine)
        said = f"mean completion time {took:.0f} s"
        for name, placement in BARS.items():
            bar = mean_of(seed, nodes, smallest_first(placement))
            if took >= bar:
                raise CheckFailure(f"{said}, no better than {name}, small jobs first: {bar:.0f} s")
        par = SLACK * mean_of(seed, nodes, policy_of(ours))
        if took > par:
            raise CheckFailure(f"{said}, better than pack and spread; but par is {par:.0f} s")

    return check


def mean_of(seed, nodes, policy):
    """Return the mean completion time of STREAMS streams, in s."""
    rng, cluster = np.random.default_rng(seed), cluster_of(nodes)
    streams = [stream_of(rng, len(cluster.gpus)) for _ in range(STREAMS)]
    return sum(completion(jobs, policy, cluster) for jobs in streams) / STREAMS


def picture(function):
    """Return the occupancy of four nodes under the learner's policy."""
    from dlpar.figures import occupancy

    jobs, cluster = stream_of(np.random.default_rng(15), 32), cluster_of(4)
    return occupancy(schedule(jobs, cluster, policy_of(function), Counters))


TASKS = (
    Task(
        "pack",
        packs(public_rooms),
        packs(held_out_rooms),
        points=2,
        par="the least distance, in the fullest place that has room",
    ),
    Task(
        "spread",
        spreads(public_rooms),
        spreads(held_out_rooms),
        points=2,
        par="what is left is as even as it can be: nodes, sockets, switches",
    ),
    Task(
        "make_room",
        rooms_made(public_filled),
        rooms_made(held_out_filled),
        points=3,
        par="the fewest GPUs that move",
    ),
    Task(
        "share",
        shares(public_networks),
        shares(held_out_networks),
        points=3,
        par="no link overfull, and nobody could be faster but at the cost of a slower one",
    ),
    Task(
        "decide",
        decides(4, LESSONS),
        decides(6),
        points=5,
        par="pack and spread beaten, within 15 % of our own policy",
        show=picture,
    ),
)

"""A cluster's life as a picture: which job held which GPU when, and how many jobs waited."""

import math
from itertools import pairwise

from dlpar.figures.axes import linear_ticks
from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import LINE, box, counted, hue, line, num, tag, text, title

_WIDTH, _LEFT = 520.0, 64.0
_MOST, _HIGH = 256, 288.0  # GPUs that can be told apart; the height of them all
_QUEUE, _FOOT = 44.0, 42.0
_HOUR = 3600.0  # s


def occupancy(done, start=0.0, end=None, ruler="virtual"):
    """Draw a row a GPU, time to the right, a colour a job; below, the number of jobs that wait.

    A job keeps its colour wherever it is; there are eight, and job 8 has job 0's again. Where the
    ground is seen, nobody holds the GPU. A job that came to GPUs which another one held has the
    lower half of their rows. Lines part the nodes.

    Parameters
    ----------
    done : Schedule.  start, end : s, what is drawn; end None: up to the end of the last job.

    Raises ValueError if the cluster has more than 256 GPUs, or start is not before end.
    """
    gpus = len(done.cluster.gpus)
    end = max(done.ended.values(), default=0.0) if end is None else end
    if gpus > _MOST:
        raise ValueError(f"occupancy draws at most {_MOST} GPUs, the cluster has {gpus}")
    if not start < end:
        raise ValueError(f"occupancy needs start before end, got {start} and {end}")
    life = _Life(done, start, end)
    note = f"{counted(gpus, 'GPU')}, a colour a job"
    parts = [header(_WIDTH, note, ruler), *life.jobs(), *life.nodes(), life.queue(), life.axis()]
    alt = f"Occupancy, {ruler} time: {life.words()}"
    return Figure((Panel("".join(parts), _WIDTH, life.foot + _FOOT),), alt)


def _runs(rows):
    """Return [first, count] of each run of consecutive numbers in the ascending `rows`."""
    found = []
    for row in rows:
        if found and sum(found[-1]) == row:
            found[-1][1] += 1
        else:
            found.append([row, 1])
    return found


def _guests(stints):
    """Return the stints that began on a GPU which an earlier one still held."""
    until, found = {}, set()
    for stint in sorted(stints, key=lambda s: (s.start, s.job)):
        if any(until.get(gpu, stint.start) > stint.start for gpu in stint.gpus):
            found.add(stint)
        else:
            until.update(dict.fromkeys(stint.gpus, stint.end))
    return found


def _union(spans):
    """Return the length of the union of (start, end) pairs."""
    total, reached = 0.0, -math.inf
    for start, end in sorted(spans):
        total += max(end - max(start, reached), 0.0)
        reached = max(reached, end)
    return total


class _Life:
    """Where each GPU's row and each moment lies, and what is drawn there."""

    def __init__(self, done, start, end):
        self.done, self.start, self.end = done, start, end
        self.top = HEAD + 4
        self.high = min(_HIGH / len(done.cluster.gpus), 14.0)
        self.bottom = self.top + self.high * len(done.cluster.gpus)
        self.foot = self.bottom + LINE + 6 + _QUEUE
        self.stints = [s for s in done.stints if s.end > start and s.start < end]
        rows = [*done.samples, (end, 0, 0.0, 0)]
        self.waits = [
            (max(here[0], start), min(following[0], end), here[3])
            for here, following in pairwise(rows)
            if following[0] > start and here[0] < end
        ]

    def x(self, t):
        return _LEFT + (_WIDTH - _LEFT - 4) * (t - self.start) / (self.end - self.start)

    def _span(self, stint):
        return max(stint.start, self.start), min(stint.end, self.end)

    def jobs(self):
        """Return one shape a stint: a box on each run of neighbouring GPUs."""
        order, names = self.done.cluster.order, self.done.jobs
        guests = _guests(self.stints)
        for stint in self.stints:
            since, until = self._span(stint)
            wide = max(self.x(until) - self.x(since), 0.3)
            rim = {"stroke": "var(--ground)", "stroke_width": min(0.5, 0.2 * wide)}
            rows = sorted(order[gpu] for gpu in stint.gpus)
            d = "".join(
                box(self.x(since), self.top + self.high * first, wide, self.high * count)
                for first, count in _runs(rows)
            )
            if stint in guests:
                half = self.high / 2
                d = "".join(
                    box(self.x(since), self.top + self.high * row + half, wide, half)
                    for row in rows
                )
            said = (
                f"{names[stint.job].name}: {counted(len(rows), 'GPU')}, "
                f"{stint.start / _HOUR:.2f} h to {stint.end / _HOUR:.2f} h"
            )
            yield tag("path", title(said), d=d, fill=hue(stint.job), class_="stint", **rim)

    def nodes(self):
        """Return the names of the nodes, and a line above each."""
        row = 0
        for name, room in self.done.cluster.rooms["node"].items():
            y = self.top + self.high * row
            yield line(0, y, _WIDTH - 4, y, stroke="currentColor", stroke_opacity=0.5)
            if self.high * len(room) >= LINE - 3:
                said = name.rpartition(".")[2]
                middle = y + self.high * len(room) / 2 + 4
                yield text(0, middle, said, class_="soft node")
            row += len(room)

    def queue(self):
        """Return the jobs that wait, as an area over time."""
        most = max((count for _, _, count in self.waits), default=0)
        d = "".join(
            box(self.x(a), self.foot - _QUEUE * count / most, self.x(b) - self.x(a),
                _QUEUE * count / most)
            for a, b, count in self.waits if count
        )  # fmt: skip
        said = title(f"at most {counted(most, 'job')} waiting")
        area = tag("path", said, d=d, fill="currentColor", fill_opacity=0.45, class_="queue")
        words = [text(0, self.foot - 16, "waiting"), text(0, self.foot - 1, f"up to {num(most)}")]
        return "".join([area if d else "", *words])

    def axis(self):
        """Return the axis of time, in hours."""
        ink = {"stroke": "currentColor"}
        parts = [line(_LEFT, self.foot, _WIDTH - 4, self.foot, stroke_opacity=0.5, **ink)]
        for tick in linear_ticks(self.start / _HOUR, self.end / _HOUR, 8):
            at = self.x(tick * _HOUR)
            parts.append(line(at, self.foot, at, self.foot + 4, stroke_opacity=0.5, **ink))
            parts.append(text(min(at, _WIDTH - 12), self.foot + LINE, f"{tick:,.10g}",
                              text_anchor="middle", class_="soft"))  # fmt: skip
        label = text(_WIDTH - 4, self.foot + 2.2 * LINE, "time, h", text_anchor="end")
        return "".join([*parts, label])

    def words(self):
        """Return the picture in words."""
        spans = {}
        for stint in self.stints:
            for gpu in stint.gpus:
                spans.setdefault(gpu, []).append(self._span(stint))
        held = sum(map(_union, spans.values()))
        total = len(self.done.cluster.gpus) * (self.end - self.start)
        waited = sum(count * (b - a) for a, b, count in self.waits)
        most = max((count for _, _, count in self.waits), default=0)
        jobs = counted(len({s.job for s in self.stints}), "job")
        gpus = counted(len(self.done.cluster.gpus), "GPU")
        return (
            f"{jobs} on {gpus} from {self.start / _HOUR:.3g} h to {self.end / _HOUR:.3g} h; "
            f"{100 * held / total:.0f} % of the time of the GPUs is held; "
            f"{waited / (self.end - self.start):.1f} jobs wait on average, {most} at most."
        )

"""The chunk grid: which ranks' contributions each partial sum holds, step by step."""

from collections import defaultdict

from dlpar.figures.figure import HEAD, Panel, header
from dlpar.figures.frames import MOST
from dlpar.figures.stepper import Stepper
from dlpar.figures.svg import LINE, arrowhead, box, counted, hue, num, points, tag, text, title

_LEFT, _GAP, _WIDEST = 58.0, 20.0, 120.0


def chunk_grid(frames, ruler="counted"):
    """Return a stepper over `frames`: a row for each rank, a column for each chunk.

    Each cell has one slice for each rank, in that rank's hue, drawn when the rank's contribution
    is in the sum; a cell with all of them has a frame. Arrows show what the step moved.

    frames : list of `Frame`, at least one, all of one shape: from `frames_of`, or made by hand.

    Raises ValueError if there is no frame, if shapes differ, or above 8 ranks or 8 chunks.
    """
    if not frames:
        raise ValueError("chunk_grid needs at least one frame")
    shapes = {(len(f.held), len(row)) for f in frames for row in f.held}
    if len(shapes) != 1:
        raise ValueError(
            f"chunk_grid needs frames of one shape, got (ranks, chunks) {sorted(shapes)}"
        )
    p, chunks = shapes.pop()
    if p > MOST or chunks > MOST:
        raise ValueError(
            f"chunk_grid draws at most {MOST} x {MOST}, got {p} ranks x {chunks} chunks"
        )
    grid = _Grid(p, chunks)
    last = len(frames) - 1
    drawn = "".join(
        tag("g", *grid.frame(f), class_="frame", style=None if k == last else "display:none")
        for k, f in enumerate(frames)
    )
    note = f"{counted(p, 'rank')}, {counted(last, 'step')}"
    panel = Panel(header(grid.width, note, ruler) + grid.labels() + drawn, grid.width, grid.height)
    return Stepper((panel,), _alt(frames, p, chunks), tuple(f.caption for f in frames))


class _Grid:
    """Where each cell of the grid lies."""

    def __init__(self, p, chunks):
        self.p, self.chunks = p, chunks
        self.cell = min(_WIDEST, (460.0 - chunks * _GAP) / chunks)
        self.high = 38.0 if p <= 4 else 30.0
        self.width = max(_LEFT + chunks * (self.cell + _GAP), 330.0)
        self.top = HEAD + 26.0
        self.height = self.top + p * (self.high + 10)

    def x(self, chunk):
        return _LEFT + chunk * (self.cell + _GAP)

    def y(self, rank):
        return self.top + rank * (self.high + 10)

    def labels(self):
        """Return the names of rows and columns, and the empty cells."""
        parts = []
        for c in range(self.chunks):
            name = f"chunk {c}" if self.chunks <= 6 else str(c)
            parts.append(text(self.x(c) + self.cell / 2, self.top - 8, name, text_anchor="middle"))
        for r in range(self.p):
            middle = self.y(r) + self.high / 2 + LINE / 4
            parts.append(text(0, middle, f"rank {r}", class_="lane", style=f"fill:{hue(r)}"))
        boxes = "".join(self._box(r, c) for r in range(self.p) for c in range(self.chunks))
        ink = "currentColor"
        parts.append(
            tag("path", d=boxes, fill=ink, fill_opacity=0.05, stroke=ink, stroke_opacity=0.3)
        )
        return "".join(parts)

    def _box(self, rank, chunk, grow=0.0):
        x, y = self.x(chunk) - grow, self.y(rank) - grow
        return box(x, y, self.cell + 2 * grow, self.high + 2 * grow)

    def frame(self, frame):
        """Return one step: a path a hue, the frames of finished sums, the arrows."""
        slices, finished = defaultdict(list), []
        wide = (self.cell - 4) / self.p  # of a slice, which is a thick stroke: few bytes a frame
        bar = wide - 0.7
        for r, row in enumerate(frame.held):
            for c, ranks in enumerate(row):
                for k in sorted(ranks):
                    at = self.x(c) + 2 + (k + 0.5) * wide
                    slices[k].append(f"M{num(at)} {num(self.y(r) + 2)}v{num(self.high - 4)}")
                if len(ranks) == self.p:
                    finished.append(self._box(r, c, 0.5))
        parts = [
            tag("path", d="".join(slices[k]), stroke=hue(k), stroke_width=bar, class_=f"held-{k}")
            for k in sorted(slices)
        ]
        if finished:
            outline = {"fill": "none", "stroke": "currentColor", "stroke_width": 2.2}
            parts.append(tag("path", d="".join(finished), class_="finished", **outline))
        return [*parts, *(self._arrow(move) for move in frame.moves)]

    def _arrow(self, move):
        """Return a bow through the gap right of the column, from row to row."""
        x = self.x(move.chunk) + self.cell + 1.5
        down = 1 if move.dest > move.source else -1
        y0 = self.y(move.source) + self.high * (0.5 + 0.2 * down)
        y1 = self.y(move.dest) + self.high * (0.5 - 0.2 * down)
        bow = x + (_GAP - 3) * (1.0 if abs(move.dest - move.source) == 1 else 1.25)
        words = title(f"rank {move.source} to rank {move.dest}: chunk {move.chunk}")
        ink = hue(move.source)
        d = f"M{points([(x, y0)])}C{points([(bow, y0), (bow, y1), (x + 4, y1)])}"
        path = tag("path", d=d, fill="none", stroke=ink, stroke_width=1.8)
        return tag("g", words, path, arrowhead(x, y1, -1, 0, fill=ink), class_="move")


def _alt(frames, p, chunks):
    def finished(frame):
        return sum(len(cell) == p for row in frame.held for cell in row)

    cells = p * chunks
    sizes = (
        f"{counted(p, 'rank')} by {counted(chunks, 'chunk')}, {counted(len(frames) - 1, 'step')}"
    )
    full = next((k for k, f in enumerate(frames) if finished(f) == cells), None)
    first = next((k for k, f in enumerate(frames) if finished(f)), None)
    words = [f"Chunk grid, {sizes}."]
    if first is not None and p > 1:
        words.append(f"The first sum is finished after step {first}.")
    if full is not None:
        words.append(f"All {cells} are finished after step {full}.")
    else:
        words.append(f"At the end {finished(frames[-1])} of {cells} sums are finished.")
    return " ".join(words)

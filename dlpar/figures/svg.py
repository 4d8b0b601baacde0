"""The few words of SVG that the figures are written in."""

import html
import math

# One hue a rank, in the order of ranks; rank 8 begins again. Chosen so that each has a contrast of
# 3 or more on its ground and any two differ, to normal eyes and under protanopia, deuteranopia
# and tritanopia.
LIGHT = ["#1769e0", "#e8710a", "#12a07a", "#a3258f", "#75600a", "#0b3b66", "#6e1f2c", "#9488d4"]
DARK = ["#4f93ff", "#ffa552", "#62edc2", "#d95fcb", "#8f8228", "#39759c", "#a8464f", "#e2dcff"]
LINE = 16.0  # height of a line of text, in user units
CHAR = 8.0  # width of a character, on a phone, where text is drawn larger


def hue(rank):
    """Return the colour of `rank` (or of series number `rank`) as a CSS value."""
    return f"var(--h{rank % len(LIGHT)})"


def num(x):
    """Return a coordinate with two decimals at most, so that equal data give equal bytes."""
    text = f"{x:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def escape(text):
    """Return `text` safe inside markup and attributes, without what XML cannot hold."""
    kept = "".join(c for c in str(text) if c >= " " or c in "\t\n")
    return html.escape(kept).encode("utf-8", "replace").decode()


def tag(name, *children, **attributes):
    """Return `<name ...>children</name>`; children are markup, attributes are escaped.

    Numbers are rounded; `_` in an attribute's name stands for `-`; a trailing one is dropped.
    """
    words = [name]
    for key, value in attributes.items():
        if value is None:
            continue
        value = num(value) if isinstance(value, (int, float)) else escape(value)
        words.append(f'{key.rstrip("_").replace("_", "-")}="{value}"')
    inner = "".join(children)
    return f"<{' '.join(words)}>{inner}</{name}>" if inner else f"<{' '.join(words)}/>"


def text(x, y, words, **attributes):
    """Return a line of text with its baseline at (x, y)."""
    return tag("text", escape(words), x=x, y=y, **attributes)


def title(words):
    """Return the tooltip of the element it is put into."""
    return tag("title", escape(words))


def line(x1, y1, x2, y2, *children, **attributes):
    """Return a straight line."""
    return tag("path", *children, d=f"M{num(x1)} {num(y1)}L{num(x2)} {num(y2)}", **attributes)


def rect(x, y, width, height, *children, **attributes):
    """Return a rectangle."""
    return tag("rect", *children, x=x, y=y, width=width, height=height, **attributes)


def points(path):
    """Return the coordinates of `path`, a sequence of (x, y), as a path's commands take them."""
    return " ".join(f"{num(x)} {num(y)}" for x, y in path)


def box(x, y, width, height):
    """Return the path commands of a rectangle, for many of them in one element."""
    return f"M{num(x)} {num(y)}h{num(width)}v{num(height)}h{num(-width)}z"


def arrowhead(x, y, dx, dy, size=7.0, **attributes):
    """Return a triangle whose tip is at (x, y) and which points along (dx, dy)."""
    length = math.hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length
    bx, by, half = x - size * ux, y - size * uy, size * 0.42
    corners = [(x, y), (bx - half * uy, by + half * ux), (bx + half * uy, by - half * ux)]
    return tag("path", d=f"M{points(corners)}z", **attributes)


def polyline(path, **attributes):
    """Return an open line through `path`, (k, 2)."""
    return tag("path", d=f"M{points(path)}", fill="none", **attributes)


def counted(n, noun):
    """Return "no messages", "1 message", "2 messages"."""
    return f"{f'{n:,}' if n else 'no'} {noun}{'' if n == 1 else 's'}"

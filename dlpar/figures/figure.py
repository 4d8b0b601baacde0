"""What every figure of the book is: inline SVG that follows the page's theme, with words for it."""

from dataclasses import dataclass, field
from pathlib import Path

from dlpar.figures.svg import DARK, LIGHT, escape, num, rect, tag, text
from dlpar.rulers import MARKS, badge

HEAD = 26.0  # height of the row that holds the note and the badge
_GROUND = "var(--pst-color-background,var(--jp-layout-color0,Canvas))"


def _hues(colours):
    return "".join(f"--h{i}:{colour};" for i, colour in enumerate(colours))


# No ids anywhere, and every selector begins with our own class: figures cannot clash with one
# another or with the page. On phones the text is larger in the drawing's units.
CSS = (
    f".dlpar-fig{{{_hues(LIGHT)}--ground:{_GROUND}}}"
    "html[data-theme=dark] .dlpar-fig,body[data-jp-theme-light=false] .dlpar-fig,"
    f"body.vscode-dark .dlpar-fig,html[theme=dark] .dlpar-fig{{{_hues(DARK)}}}"
    ".dlpar-fig text{font:11.5px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',"
    "sans-serif;fill:currentColor;stroke:none}"
    ".dlpar-fig .halo{paint-order:stroke;stroke:var(--ground);stroke-width:5px;"
    "stroke-linejoin:round}"
    ".dlpar-fig .soft{opacity:.72}"
    ".dlpar-fig .mark{color:inherit}"  # the site's theme has a .mark of its own
    "@media(max-width:600px){.dlpar-fig .one text{font-size:14.5px}}"
)
_ALONE = (
    ".dlpar-fig{color:#1f2328;--ground:#fff}"
    f"@media(prefers-color-scheme:dark){{.dlpar-fig{{{_hues(DARK)}color:#e6edf3;--ground:#0d1117}}}}"
)


@dataclass(frozen=True)
class Panel:
    """One drawing: SVG markup in a box of width x height units, (0, 0) at the top left."""

    markup: str
    width: float
    height: float


@dataclass(frozen=True)
class Figure:
    """A figure shows itself in a notebook and on the site, and prints its words as text.

    Colours and text follow the light or dark theme of the page. Panels stand side by side where
    there is room and below one another where there is not.
    """

    panels: tuple[Panel, ...]
    alt: str  # what the figure shows, in words computed from its data
    largest: float = field(default=1.32, kw_only=True)  # px per unit, on a wide page

    def __repr__(self):
        """Return the figure in words."""
        return f"Figure: {self.alt}"

    def _repr_html_(self):
        return (
            f'<figure class="dlpar-fig" role="img" aria-label="{escape(self.alt)}" '
            f'style="margin:1em 0;color:inherit">{tag("style", CSS)}{self.drawing()}</figure>'
        )

    def drawing(self):
        """Return the panels as inline SVG in a row that wraps."""
        drawn = "".join(self._inline(panel) for panel in self.panels)
        return (
            '<div style="display:flex;flex-wrap:wrap;justify-content:center;gap:.4em">'
            f"{drawn}</div>"
        )

    def _inline(self, panel):
        box = f"0 0 {num(panel.width)} {num(panel.height)}"
        least = panel.width * (0.9 if len(self.panels) > 1 else 0.2)
        shape = "many" if len(self.panels) > 1 else "one"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" class="{shape}" '
            f'aria-hidden="true" '
            f'style="display:block;flex:1 1 {num(least)}px;min-width:0;'
            f'max-width:{num(panel.width * self.largest)}px;height:auto">{panel.markup}</svg>'
        )

    def save(self, path):
        """Write the figure to `path` as one standalone SVG file."""
        width = sum(panel.width for panel in self.panels)
        height = max(panel.height for panel in self.panels)
        parts, x = [], 0.0
        for panel in self.panels:
            parts.append(tag("svg", panel.markup, x=x, width=panel.width, height=panel.height))
            x += panel.width
        Path(path).write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {num(width)} {num(height)}" '
            f'width="{num(width * self.largest)}" height="{num(height * self.largest)}" '
            f'role="img" class="dlpar-fig">{tag("title", escape(self.alt))}'
            f"{tag('style', CSS + _ALONE)}{''.join(parts)}</svg>\n",
            encoding="utf-8",
        )


def header(width, note, ruler):
    """Return the top row of a drawing: a note on the left, the ruler's badge on the right."""
    return text(0, 15, note, class_="soft") + badge_at(width, ruler)


def badge_at(right, ruler):
    """Return the SVG badge of `ruler` whose right end is at x = `right`, 22 units high."""
    kind = badge(ruler).kind
    _, shape, colour = MARKS[kind]
    width = 36 + 7.6 * len(kind)
    return tag(
        "g",
        rect(0.5, 0.5, width - 1, 20, rx=10, fill="none", stroke=colour),
        tag("path", d=shape, fill=colour, transform="translate(9 5.5)"),
        text((width + 13) / 2, 14.8, kind, text_anchor="middle"),
        transform=f"translate({num(right - width)} 0)",
        class_="ruler",
    )

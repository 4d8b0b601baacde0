"""A figure of several frames that the reader steps through: buttons, slider, arrow keys."""

from dataclasses import dataclass
from pathlib import Path

from dlpar.figures.figure import CSS, Figure
from dlpar.figures.svg import escape, tag

_SCRIPT = Path(__file__).with_name("stepper.js").read_text(encoding="utf-8")
_OWN_KEYS = 'data-lm-suppress-shortcuts="true"'  # or JupyterLab takes the arrow keys
_STEPPER_CSS = (
    ".dlpar-stepper .controls{gap:.5em;align-items:center;max-width:30em;margin:.3em auto}"
    ".dlpar-stepper button{font:inherit;color:inherit;background:none;cursor:pointer;"
    "border:1px solid currentColor;border-radius:.4em;min-width:2.6em;min-height:2.2em;padding:0}"
    ".dlpar-stepper button:disabled{opacity:.3;cursor:default}"
    ".dlpar-stepper input{flex:1;min-width:0;margin:0;accent-color:currentColor}"
    ".dlpar-stepper .captions{display:grid;text-align:center;font-size:.95em}"
    ".dlpar-stepper .caption{grid-area:1/1}"
)


@dataclass(frozen=True, repr=False)
class Stepper(Figure):
    """A figure whose panel holds one `<g class="frame">` a step.

    All frames lie in the page; a few lines of script show one of them. Where no script runs, and
    in a saved file, the last frame shows.
    """

    captions: tuple[str, ...] = ()

    def _repr_html_(self):
        last = len(self.captions) - 1
        hidden = ' style="visibility:hidden"'
        captions = "".join(
            f'<span class="caption"{"" if k == last else hidden}>{escape(words)}</span>'
            for k, words in enumerate(self.captions)
        )
        return (
            '<figure class="dlpar-fig dlpar-stepper" role="group" '
            f'aria-label="{escape(self.alt)}" '
            f'style="margin:1em 0;color:inherit">{tag("style", CSS + _STEPPER_CSS)}'
            f'{self.drawing()}<div class="captions" aria-live="polite">{captions}</div>'
            '<div class="controls" style="display:none">'
            f'<button type="button" aria-label="previous step" {_OWN_KEYS}>◀</button>'
            f'<input type="range" min="0" max="{last}" value="{last}" step="1" aria-label="step" '
            f"{_OWN_KEYS}>"
            f'<button type="button" aria-label="next step" {_OWN_KEYS}>▶</button></div>'
            f"<script>{_SCRIPT}</script></figure>"
        )

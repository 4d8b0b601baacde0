"""A table of one ruler, as text and as HTML: the first column to the left, numbers to the right."""

import html

from dlpar.rulers import badge


class Table:
    """What `kind`, `title` and `rows` say, heads first, it prints and shows in a notebook."""

    kind: str  # "virtual" or "wall"

    @property
    def title(self):
        """What stands above, as text."""
        raise NotImplementedError

    def rows(self):
        """Yield tuples of texts, the heads first."""
        raise NotImplementedError

    def __repr__(self):
        """Return the table as text, numbers to the right."""
        rows = list(self.rows())
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        drawn = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
            for row in rows
        ]
        return "\n".join([f"{badge(self.kind)}, {self.title}", *drawn])

    def _repr_html_(self):
        heads, *rows = self.rows()
        cell = (
            'style="text-align:right;padding:.2em 0 .2em 1em;white-space:nowrap;'
            'font-variant-numeric:tabular-nums"'
        )
        head = "".join(f'<th scope="col" {cell}>{text}</th>' for text in heads[1:])
        body = "".join(
            f'<tr><th scope="row" style="text-align:left;font-weight:inherit">'
            f"{html.escape(name)}</th>"
            + "".join(f"<td {cell}>{html.escape(text)}</td>" for text in texts)
            + "</tr>"
            for name, *texts in rows
        )
        return (
            f'<div style="overflow-x:auto">{badge(self.kind)._repr_html_()} '
            f'{html.escape(self.title)}<table style="color:inherit;font-size:.95em"><thead><tr>'
            f'<th scope="col" style="text-align:left">{heads[0]}</th>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )

"""HTML reports: one file each, which opens offline, in light and in dark, and loads nothing from anywhere."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Whatever a report embeds, nothing in it can be fetched: the browser itself refuses.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; worker-src blob:; form-action 'none'; base-uri 'none'"
)

_STYLE = """
:root { color-scheme: light dark; --text: #1d2129; --soft: #5b6472; --line: #d9dde3; --ground: #ffffff;
  --raised: #f5f6f8; --accent: #0b6bcb; --warn: #9a5b00; --warn-ground: #fff4e0; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --soft: #9aa4b2; --line: #363c46; --ground: #14171c;
  --raised: #1d2128; --accent: #6cb0ff; --warn: #ffc46b; --warn-ground: #2e2415; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 5rem; max-width: 68rem; background: var(--ground); color: var(--text);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; }
h3 { font-size: 1.02rem; margin: 1.6rem 0 .4rem; }
p { margin: .5rem 0; max-width: 46rem; } .soft, figcaption { color: var(--soft); font-size: .9rem; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; margin: 1rem 0; font-size: .92rem; }
a { color: var(--accent); } code { font-size: .9em; overflow-wrap: anywhere; }
figure { margin: 1rem 0; } figure svg { display: block; max-width: 100%; height: auto; }
@media (max-width: 40rem) { figure { overflow-x: auto; } figure svg { max-width: none; width: 36rem; } }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; margin: .8rem 0; width: fit-content;
  max-width: 100%; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; } th { background: var(--raised); white-space: nowrap; }
td.long { min-width: 18rem; }
td.number, th.number { text-align: right; white-space: nowrap; }
.note { border-left: .25rem solid var(--accent); background: var(--raised); padding: .55rem .9rem; margin: .8rem 0;
  border-radius: 0 .3rem .3rem 0; max-width: 46rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(14.5rem, 1fr)); gap: .6rem 1.1rem;
  margin: 1rem 0; }
.grid figure { margin: 0; min-width: 0; } .grid figure svg { width: 100%; max-width: 22rem; }
.grid strong { display: block; color: var(--text); font-weight: 600; overflow-wrap: anywhere; }
.warning { border-color: var(--warn); background: var(--warn-ground); }
"""


LONG_TEXT = 60


class Page:
    """A report under construction. Text is escaped; only `raw` takes HTML.

    >>> page = Page("Exploration", "payments.csv")
    >>> page.section("Amounts").paragraph("Most are small.").table(["amount", "rows"], [["1 to 10", 1_234]])
    >>> page.html().startswith("<!doctype html>")
    True
    """

    def __init__(self, title: str, subtitle: str = "") -> None:
        self._title, self._subtitle = title, subtitle
        self._sections: list[str] = []
        self._blocks: list[str] = []

    def section(self, heading: str, level: int = 2) -> "Page":
        """Starts a section; those of level 2 are listed at the top."""
        if level > 2:
            return self.raw(f"<h{level}>{escape(heading)}</h{level}>")
        self._sections.append(heading)
        return self.raw(f'<h2 id="part-{len(self._sections)}">{escape(heading)}</h2>')

    def paragraph(self, text: str) -> "Page":
        return self.raw(f"<p>{escape(text)}</p>")

    def note(self, text: str, warning: bool = False) -> "Page":
        """A sentence that must not be missed."""
        return self.raw(f'<div class="note{" warning" if warning else ""}">{escape(text)}</div>')

    def figure(self, figure: "Figure", caption: str, alt: str = "") -> "Page":
        """A matplotlib figure made by `reports.plots`, as SVG; `alt` for those who cannot see it."""
        from eddy.reports.plots import to_svg

        svg = to_svg(figure, alt or caption)
        return self.raw(f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>")

    def grid(self, figures: Iterable[tuple["Figure", str, str]]) -> "Page":
        """Small figures side by side, as many as fit: (figure, title, caption)."""
        from eddy.reports.plots import to_svg

        small = (
            f"<figure><figcaption><strong>{escape(title)}</strong></figcaption>{to_svg(figure, f'{title}: {caption}')}"
            f"<figcaption>{escape(caption)}</figcaption></figure>"
            for figure, title, caption in figures
        )
        return self.raw(f'<div class="grid">{"".join(small)}</div>')

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> "Page":
        """Cells: text as it is, numbers with separators and four digits or all before the point, None as nothing."""
        body = [[_cell(value) for value in row] for row in rows]
        numeric = [bool(body) and all(row[place][1] for row in body) for place in range(len(columns))]
        head = "".join(f"<th{_number(numeric[place])}>{escape(name)}</th>" for place, name in enumerate(columns))
        lines = (
            "".join(f"<td{_number(numeric[place]) or _long(text)}>{text}</td>" for place, (text, _) in enumerate(row))
            for row in body
        )
        inner = "".join(f"<tr>{line}</tr>" for line in lines)
        top = f"<thead><tr>{head}</tr></thead>" if any(columns) else ""
        return self.raw(f'<div class="wide"><table>{top}<tbody>{inner}</tbody></table></div>')

    def raw(self, html: str) -> "Page":
        """HTML as it is: for what another library has drawn."""
        self._blocks.append(html)
        return self

    def html(self) -> str:
        """The whole page."""
        links = "".join(f'<a href="#part-{i}">{escape(name)}</a>' for i, name in enumerate(self._sections, 1))
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self._title)}</title><style>{_STYLE}</style></head><body>"
            f'<h1>{escape(self._title)}</h1><p class="soft">{escape(self._subtitle)}</p><nav>{links}</nav>'
            f"{''.join(self._blocks)}</body></html>\n"
        )

    def write(self, path: Path) -> None:
        path.write_text(self.html(), encoding="utf-8")


def _cell(value: object) -> tuple[str, bool]:
    """The text of a cell, and whether it is a number (or nothing, which fits in with numbers)."""
    if value is None or value != value:
        return "", True
    if isinstance(value, bool):
        return "yes" if value else "no", False
    if isinstance(value, int):
        return f"{value:,}", True
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:,.4g}", True
    return escape(str(value)), False


def unbroken(text: str) -> str:
    """Text of a cell that must stay on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _long(text: str) -> str:
    """On a narrow screen a sentence is to be scrolled to, not to be squeezed into a word a line."""
    return ' class="long"' if len(text) > LONG_TEXT else ""


def _number(numeric: bool) -> str:
    return ' class="number"' if numeric else ""

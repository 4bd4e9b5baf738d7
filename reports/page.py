"""HTML reports: one file each, which opens offline, in light and in dark, and loads nothing from anywhere."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"
LONG_TEXT = 60

Cell = tuple[str, str]
"""The text of a cell, and the class that styles it: number, long or none."""


def page(template: str, **values: object) -> str:
    """A report (HTML): a template of `reports/templates`, and the values by name that it shows.

    Text in the values is escaped, whatever it holds.
    """
    return environment().get_template(template).render(values, sections=[])


@cache
def environment() -> Environment:
    """Templates that escape text and refuse names that they were not given. Filters: `cells`, `fmt`, `svg`."""
    from eddy.reports.plots import to_svg

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"cells": _cells, "fmt": format, "svg": to_svg}
    return made


def _cells(table: tuple[Sequence[str], Iterable[Sequence[object]]]) -> tuple[list[Cell], list[list[Cell]]]:
    """Head and rows of a table; columns of nothing but numbers are set to the right."""
    columns, rows = table[0], [list(row) for row in table[1]]
    numeric = [bool(rows) and all(_is_number(row[place]) for row in rows) for place in range(len(columns))]

    def line(values: Sequence[object]) -> list[Cell]:
        return [_cell(value, number) for value, number in zip(values, numeric, strict=True)]

    return line(columns), [line(row) for row in rows]


def _cell(value: object, number: bool) -> Cell:
    """On a narrow screen a sentence is to be scrolled to, not to be squeezed into a word a line."""
    text = _text(value)
    return text, "number" if number else "long" if len(text) > LONG_TEXT else ""


def _is_number(value: object) -> bool:
    """Or nothing, which fits in with numbers."""
    return value is None or value != value or (isinstance(value, int | float) and not isinstance(value, bool))


def _text(value: object) -> str:
    """Numbers with separators, and four digits or all before the point; None and NaN are empty."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:,.4g}"
    return str(value)


def unbroken(text: str) -> str:
    """Text of a cell that must stay on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")

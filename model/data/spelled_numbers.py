"""Numbers as people and their spreadsheets write them: 1.234,56 and 1,234.56, currencies, brackets for minus, a dash
for missing. A cell alone may be in doubt, 1,234 being about one or over a thousand; a column hardly ever is.
"""

import pyarrow as pa
import pyarrow.compute as pc

POINT, COMMA = ".", ","

_CURRENCY = (
    r"(?:\p{Sc}|EUR|USD|GBP|CHF|JPY|CNY|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|TRY|ZAR|SGD|HKD|kr|zł|Kč|Ft)"
)
_SPACE = r"[ \x{a0}\x{202f}]*"
_MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "-nan", "-", "–", "—")
"""What stands for no number in a column of numbers. In text only an empty cell is missing: NA may be a country."""


def _body(thousands: str, decimals: str) -> str:
    grouped = "|".join(rf"[1-9]\d{{0,2}}(?:{mark}\d{{3}}){{1,4}}" for mark in thousands.split())
    return rf"(?:\d{{1,15}}|{grouped})(?:{decimals}\d{{1,12}})?|{decimals}\d{{1,12}}"


_BODY = {POINT: _body(r", '", "[.]"), COMMA: _body(r"[.] [\x{20}\x{a0}\x{202f}]", ",")}


def _cell(body: str) -> str:
    inner = f"{_SPACE}[-+−]?{_SPACE}{_CURRENCY}?{_SPACE}[-+−]?(?:{body}){_SPACE}{_CURRENCY}?{_SPACE}-?{_SPACE}"
    return rf"^(?:{inner}|{_SPACE}\({inner}\){_SPACE}|{_SPACE}{_CURRENCY}{_SPACE}\({inner}\){_SPACE})$"


_CELLS = {style: _cell(body) for style, body in _BODY.items()}
_CODE = r"^\D*0\d"
_NEGATIVE = r"[-−(]"


def styles(cells: pa.Array) -> set[str]:
    """What the cells can all be read as: numbers with decimal points, with decimal commas, both, or neither."""
    found = {style for style in _CELLS if _all_fit(cells, style)}
    if not marked(cells):
        return found & {POINT}  # without marks both are the same
    if found == {COMMA} and not _any(cells, COMMA):
        return {POINT, COMMA}  # 1.234.567, but 192.168.100.200 too
    return found


def read(cells: pa.Array, style: str) -> pa.Array | None:
    """The numbers of cells in one style [n]; None where a cell is none."""
    if not _all_fit(cells, style):
        return None
    digits = pc.replace_substring_regex(cells, r"[^\d.,]", "")
    other = POINT if style == COMMA else COMMA
    plain = pc.replace_substring(pc.replace_substring(digits, other, ""), COMMA, POINT)
    numbers = pc.if_else(missing(cells), None, plain).cast(pa.float64())
    return pc.if_else(pc.match_substring_regex(cells, _NEGATIVE), pc.negate(numbers), numbers)


def marked(cells: pa.Array) -> bool:
    """Whether any cell has a point or a comma."""
    return _any(cells, r"[.,]")


def _all_fit(cells: pa.Array, style: str) -> bool:
    fits = pc.or_(pc.match_substring_regex(cells, _CELLS[style]), missing(cells))
    return bool(pc.all(fits).as_py()) and not _any(cells, _CODE)


def missing(cells: pa.Array) -> pa.Array:
    """Which cells stand for no number [n]."""
    return pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(cells)), value_set=pa.array(_MISSING))


def share(texts: list[str]) -> float:
    """Which share of texts are numbers in one style or the other."""
    cells = pa.array(texts, pa.string())
    fits = pc.or_(*(pc.match_substring_regex(cells, cell) for cell in _CELLS.values()))
    return pc.mean(fits.cast(pa.float64())).as_py() or 0.0


def _any(cells: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(cells, pattern)).as_py())

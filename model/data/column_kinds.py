"""What one column of a table is by itself: its kind, its unit, and the reason. A list of rules; the first that fits."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eddy.model.data import column_names as names
from eddy.model.data import local_times, spelled_numbers
from eddy.model.data.column import Seen
from eddy.model.data.files.csv import CODE
from eddy.model.schema.schema import Kind

Answer = tuple[Kind, str | None, str]
"""Kind, unit, and why."""

CATEGORY_LEVELS = 1_000
"""Text with more levels than this, or with more than a tenth as many as there are rows, is no category."""

FEW_LEVELS, MANY_ROWS = 50, 1_000
FEWEST_CARDS = 9
"""A column of many rows with no more values is no identifier, whatever its name: the second card of a user, say."""

LABEL_LEVELS = 50
_ALL_DISTINCT_ROWS = 50
_MOSTLY = 0.9
_PLAUSIBLE_S = (5e8, 4.2e9)  # 1985 to 2103
_LIKELY_S = (9.4e8, 2.1e9)  # 2000 to 2036
_DAY_S = 86_400.0
_LONGEST_S = 10 * 366 * _DAY_S
_EVEN_LEVELS, _CALENDAR_LEVELS = 50, 60
_HASH = 1e13
_DIGITS = re.compile(r"\d+")
IN_DOUBT = "can be read in more than one way"

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}")
_DAY = re.compile(r"\s*(\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})\s*")
_CLOCK = re.compile(r"\s*\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([AaPp][Mm])?\s*")
_OTHER_TIME = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}([ T]\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(:\d{2}.*)?")
_MONEY = re.compile(r"\s*[^\d\s.,-]{0,4}\s*-?\s*\d[\d.,' \u00a0]*\s*[^\d\s]{0,4}\s*")


def kind_of(column: Seen) -> Answer:
    """What a column seems to be."""
    return next(answer for rule in _RULES if (answer := rule(column)) is not None)


def _empty(column: Seen) -> Answer | None:
    return (Kind.IGNORED, None, "has no value in any row") if not column.filled else None


def _nested(column: Seen) -> Answer | None:
    why = "holds lists or objects: give what counts there a column of its own, such as amount_value"
    return (Kind.IGNORED, None, why) if column.levels < 0 else None


def _unnamed(column: Seen) -> Answer | None:
    if not column.name.startswith(("unnamed_", "Unnamed: ")):
        return None
    return Kind.IGNORED, None, "came without a name, as row numbers do"


def _label(column: Seen) -> Answer | None:
    fraud, target = names.says_fraud(column.words), names.says_target(column.words)
    if not (fraud or target) or column.is_time or column.levels > LABEL_LEVELS or column.has_fractions:
        return None
    if fraud:
        return Kind.LABEL, None, "says by its name which rows are frauds"
    if column.levels > 2 and column.words == ("class",):
        return None
    return Kind.LABEL, None, f"is named as labels are, and has {_levels(column.levels)}"


def _boolean(column: Seen) -> Answer | None:
    return (Kind.NUMERIC, "boolean", "is true or false") if column.is_boolean else None


def _time(column: Seen) -> Answer | None:
    if not column.is_time:
        return None
    return _if_complete(column, "iso8601", "holds times")


def _epoch(column: Seen) -> Answer | None:
    """Numbers since 1970, told by the name, or by a spread over some hours to years, as tables of payments have."""
    if not column.is_number:
        return None
    least, most = float(np.min(column.numbers)), float(np.max(column.numbers))
    for unit, factor, word in (("s", 1.0, "seconds"), ("ms", 1000.0, "milliseconds")):
        plausible = _PLAUSIBLE_S[0] * factor <= least and most <= _PLAUSIBLE_S[1] * factor
        likely = (
            _LIKELY_S[0] * factor <= least
            and most <= _LIKELY_S[1] * factor
            and 3600 <= (most - least) / factor <= _LONGEST_S
        )
        if plausible and names.says_time(column.words):
            return _if_complete(column, unit, f"is named as times are, and holds {word} since 1970")
        if likely and column.is_whole and column.filled == column.rows and _even(column):
            return _if_complete(column, unit, f"holds {word} since 1970, if its size says anything")
    return None


def _elapsed(column: Seen) -> Answer | None:
    """A place in time without a date: seconds since the first row, or steps of any length, in whatever order."""
    if not column.is_number or column.filled < column.rows or column.levels < 3:
        return None
    least, most = float(np.min(column.numbers)), float(np.max(column.numbers))
    if names.says_time(column.words) and least >= 0 and most - least >= _DAY_S and _even(column):
        return _if_complete(column, "s", "is named as times are, and evenly spread: seconds from an unknown day on")
    placed = _ascending(column.numbers) or (column.levels > _CALENDAR_LEVELS and _even(column))
    if column.is_whole and placed and {"step", "day", "week", "month", "year"} & set(column.words):
        return (
            Kind.IGNORED, None,
            'is a place in time in steps of unknown length: make it seconds and a timestamp (unit = "s") to use it',
        )  # fmt: skip
    return None


def _if_complete(column: Seen, unit: str, why: str) -> Answer:
    if column.filled == column.rows or names.rank_as_time(column.words) is not None:
        return Kind.TIMESTAMP, unit, why
    return Kind.IGNORED, None, f"{why}, but not in every row: fill the gaps to use it as a timestamp"


def _even(column: Seen) -> bool:
    """Whether numbers are spread as places in time are: durations crowd at the short end, times do so nowhere."""
    if column.levels < min(_EVEN_LEVELS, column.filled):
        return False
    least, middle, late, most = np.quantile(column.numbers, (0.0, 0.5, 0.9, 1.0))
    length = float(most - least)
    return 0 < length < np.inf and 0.15 <= (middle - least) / length <= 0.85 and bool((late - least) / length >= 0.6)


def _ascending(numbers: NDArray[np.float64]) -> bool:
    return len(numbers) > 2 and float(np.mean(np.diff(numbers) >= 0)) > 0.99 and bool(numbers[0] < numbers[-1])


def _identifier_number(column: Seen) -> Answer | None:
    if not column.is_whole or _is_code_with_gaps(column):
        return None
    why = _identifier_by_name(column)
    if why is None and _one_per_row(column):
        why = "is a whole number that is another one in every row"
    if why is None and _is_hash(column):
        why = f"is a whole number of 14 digits and more, with {_levels(column.levels)}"
    if why is None and names.says_code(column.words) and _too_many(column):
        why = f"is a code by its name, with {_levels(column.levels)}: too many to learn"
    return None if why is None else _identifier(column, "integer", why)


def _is_code_with_gaps(column: Seen) -> bool:
    """Identifiers are always there; what is not, but named like one, may still be a category."""
    return column.filled < column.rows and names.says_code(column.words) and not _too_many(column)


def _identifier(column: Seen, unit: str | None, why: str) -> Answer:
    needed = names.is_plain_card(column.words) or names.rank_as_transaction(column.words) is not None
    if column.filled == column.rows or needed:
        return Kind.IDENTIFIER, unit, why
    return Kind.IGNORED, None, f"{why}, but is not in every row"


def _one_per_row(column: Seen) -> bool:
    """Whether whole numbers count rows, in whatever order."""
    if column.filled < _ALL_DISTINCT_ROWS or column.levels < column.filled:
        return False
    spread = float(np.ptp(column.numbers)) + 1
    return bool((np.diff(column.numbers) > 0).all()) or spread <= 10 * column.filled


def _is_hash(column: Seen) -> bool:
    """Whole numbers too large to count or to pay anything."""
    return column.levels > FEW_LEVELS and float(np.median(np.abs(column.numbers))) >= _HASH


def _identifier_by_name(column: Seen) -> str | None:
    words, many = column.words, column.rows >= MANY_ROWS
    if many and column.levels <= FEWEST_CARDS:
        return None
    if names.is_plain_card(words) or names.rank_as_transaction(words) is not None:
        return "is an identifier by its name"
    if many and column.levels <= FEW_LEVELS:
        return None
    if names.says_identifier(words):
        return "is an identifier by its name"
    numerous = column.levels > FEW_LEVELS
    if numerous and (names.rank_as_card(words) is not None or names.says_number_of_a_thing(words)):
        return f"is an identifier by its name, with {_levels(column.levels)}"
    return None


def _code(column: Seen) -> Answer | None:
    named = names.says_code(column.words) or names.says_identifier(column.words)
    if not column.is_whole or not named or column.levels <= 2 or _too_many(column):
        return None
    return Kind.CATEGORICAL, "integer", f"is a code by its name, a whole number with {_levels(column.levels)}"


def _number(column: Seen) -> Answer | None:
    return (Kind.NUMERIC, None, "holds numbers") if column.is_number else None


def _time_as_text(column: Seen) -> Answer | None:
    if column.look_like(re.compile(_ISO.pattern + ".*")) == 1.0 and _parse_as_iso(column):
        return _if_complete(column, "iso8601", "holds times in ISO 8601")
    if column.is_local_time:
        return _local_time(column)
    if column.look_like(_DAY) >= _MOSTLY:
        return Kind.IGNORED, None, f"holds days without a time of day: {_ONE_COLUMN}"
    if column.look_like(_CLOCK) >= _MOSTLY:
        return Kind.IGNORED, None, f"holds times of day without a day: {_ONE_COLUMN}"
    if column.look_like(_OTHER_TIME) >= _MOSTLY:
        return (
            Kind.IGNORED, None,
            "holds times in a format that messages cannot have: write them as 2026-03-01T12:00:00 to use it",
        )  # fmt: skip
    return None


_ONE_COLUMN = "put day and time into one column, such as 2026-03-01T12:00:00, to use it"


def _local_time(column: Seen) -> Answer:
    formats = local_times.formats_of(column.values)
    if len(formats) == 1:
        return _if_complete(column, "iso8601", f"holds times written like {local_times.example(formats[0])}")
    if not formats:
        return Kind.IGNORED, None, "holds times in more than one format, or one that is unknown: write them in ISO 8601"
    choices = " or ".join(f'format = "{each}"' for each in formats)
    return Kind.IGNORED, None, f"{IN_DOUBT}: make it a timestamp with {choices}"


def _parse_as_iso(column: Seen) -> bool:
    return bool(pd.to_datetime(pd.Series(column.some), utc=True, errors="coerce", format="ISO8601").notna().all())


def _numbers_as_text(column: Seen) -> Answer | None:
    """Text that should be numbers: training refuses it by the first cell, rather than to learn from half of it."""
    if names.rank_as_amount(column.words) is not None and column.look_like(_MONEY) >= _MOSTLY:
        if not np.isnan(column.numbers).any():
            return Kind.NUMERIC, None, "is an amount by its name, and holds numbers written as text"
        return Kind.NUMERIC, None, "is an amount by its name, but text: write it with a decimal point and no currency"
    if pd.to_numeric(pd.Series(column.some), errors="coerce").isna().mean() > 2 * (1 - _MOSTLY):
        in_doubt = spelled_numbers.share(column.some) >= _MOSTLY and not _has_codes(column)
        return (
            (Kind.IGNORED, None, f"{IN_DOUBT} as amounts: write them with a decimal point and no currency")
            if in_doubt
            else None
        )
    if (names.says_code(column.words) or names.says_identifier(column.words)) and column.look_like(_DIGITS) == 1.0:
        return None  # who puts a code into quotes does not mean its size
    strange = np.isnan(column.numbers)
    if strange.mean() > 1 - _MOSTLY or _identifier_by_name(column) or _has_codes(column):
        return None
    if not strange.any():
        return Kind.NUMERIC, None, "holds numbers, though written as text"
    return (
        Kind.NUMERIC,
        None,
        f"holds numbers in all but {int(strange.sum()):,} of its cells: correct them or leave them empty",
    )


def _has_codes(column: Seen) -> bool:
    """Whether any cell is a code such as 0042, which is why the column is text."""
    return bool(column.values.astype(str).str.fullmatch(CODE).any())


def _identifier_text(column: Seen) -> Answer | None:
    why = _identifier_by_name(column)
    return None if why is None else _identifier(column, None, why)


def _text(column: Seen) -> Answer:
    if not _too_many(column):
        return Kind.CATEGORICAL, None, f"is text with {_levels(column.levels)}"
    if column.levels > _MOSTLY * column.filled:
        return Kind.IGNORED, None, "is text that is another one in nearly every row"
    return Kind.IGNORED, None, f"is text with {_levels(column.levels)}: too many to learn"


def _too_many(column: Seen) -> bool:
    return column.levels > max(min(CATEGORY_LEVELS, column.filled // 10), 2)


def _levels(count: int) -> str:
    return f"{count:,} value{'s' * (count != 1)}"


_RULES: tuple[Callable[[Seen], Answer | None], ...] = (
    _empty, _nested, _unnamed, _label, _boolean, _time, _epoch, _elapsed, _identifier_number, _code, _number,
    _time_as_text, _numbers_as_text, _identifier_text, _text,
)  # fmt: skip

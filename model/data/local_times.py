"""Times as people and their spreadsheets write them, such as 31.12.2026 23:59 or 12/31/2026 11:59 PM.

One cell may be in doubt, 03/04/2026 being in March or in April; a column is, only where no day is beyond the 12th.
"""

from functools import lru_cache

import pandas as pd

_DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y")
_CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p")
FORMATS = tuple(f"{day}{joint}{clock}" for day in _DAYS for joint in (" ", "T") for clock in _CLOCKS)
_PROBE = 50


def formats_of(cells: "pd.Series[str]") -> tuple[str, ...]:
    """The formats in which all cells can be read; two where days and months may be either."""
    different = pd.Series(cells.astype(str).str.strip().unique())
    probed = [each for each in FORMATS if _fits(different[:_PROBE], each)]
    return tuple(each for each in probed if _fits(different, each))


def _fits(cells: "pd.Series[str]", form: str) -> bool:
    return bool(pd.to_datetime(cells, format=form, errors="coerce").notna().all())


@lru_cache(maxsize=len(FORMATS))
def example(form: str) -> str:
    """A time in this format."""
    return pd.Timestamp("2026-12-31T23:59:00").strftime(form)

"""A sample of the table to browse: skrub's TableReport, made to stand in a page of ours."""

import re
import warnings
from collections.abc import Collection
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from skrub import TableReport

ROWS, SHOWN = 10_000, 20
MOST_PLOTS, MOST_ASSOCIATIONS = 60, 60

# What it does not need: dates of drawing, and links to other sites.
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_OUTSIDE = re.compile(r'<a href="https?://[^"]*">(.*?)</a>', re.DOTALL)
_REPORT_ID = re.compile(r"report_[0-9a-f]{8}")
_RANDOM_ID = re.compile(r'(<t[dh]\s+)id="[^"]*"')


def browsable(table: pd.DataFrame, hidden: Collection[str], seed: int = 0) -> str:
    """HTML with a style of its own that shows up to `ROWS` rows, drawn at random, without the hidden columns."""
    shown = table[[name for name in table.columns if name not in hidden]]
    if not shown.shape[1]:
        return ""
    some = shown.sample(ROWS, random_state=seed).sort_index() if len(shown) > ROWS else shown
    with mpl.rc_context({"backend": "agg", "svg.hashsalt": "eddy"}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about glyphs and overflows: columns are what they are
        html = TableReport(
            _plain(some.reset_index(drop=True)),
            n_rows=SHOWN,
            verbose=0,
            plot_distributions=shown.shape[1] <= MOST_PLOTS,
            compute_associations=1 < shown.shape[1] <= MOST_ASSOCIATIONS,
        ).html_snippet()
    html = _RANDOM_ID.sub(r"\1", _OUTSIDE.sub(r"\1", _METADATA.sub("", html)))
    return _REPORT_ID.sub("report_browsable", html)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """What every column can be counted and drawn by: no infinite numbers, no lists."""
    return pd.DataFrame({name: _plain_column(table[name]) for name in table.columns})


def _plain_column(column: "pd.Series[Any]") -> "pd.Series[Any]":
    if pd.api.types.is_float_dtype(column):
        return column.replace([np.inf, -np.inf], np.nan)
    if column.dtype == object:
        return column.where(column.isna(), column.astype(str))
    return column

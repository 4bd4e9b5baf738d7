"""`eddy score`: a model's verdicts on a table, row by row."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eddy.cli.console import out, plain, print_json, say
from eddy.cli.models.store import detector_of, store_of
from eddy.cli.tables import Artifacts, AsJson, Data
from eddy.model.serving.text import contributions_text, one_in
from eddy.monitoring.progress import counting

if TYPE_CHECKING:  # pandas would cost every command half a second
    from rich.table import Table

    from eddy.model.data.batch_scoring import Piece, TopRow
    from eddy.model.data.files.writers import Write
    from eddy.model.serving.detector import Detector

SHOWN, CONTRIBUTIONS = 10, 3

Version = Annotated[str, typer.Argument(help="Model version; `active` for the active one.", metavar="VERSION")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Write one row per transaction to a .parquet, .csv or .jsonl file.", dir_okay=False),
]


@dataclass
class Tally:
    """Counts and the top-scoring rows so far."""

    rows: int = 0
    anomalous: int = 0
    top: list[TopRow] = field(default_factory=list)

    def add(self, piece: Piece, named: bool) -> None:
        from eddy.model.data.batch_scoring import top_rows

        self.rows += len(piece.frame)
        self.anomalous += int(piece.verdicts.anomalous.sum())
        rows = self.top + top_rows(piece, SHOWN, CONTRIBUTIONS, named)
        self.top = sorted(rows, key=lambda row: -row.score)[:SHOWN]


def score(
    version: Version, data: Data, out_file: Out = None, artifacts: Artifacts = None, as_json: AsJson = False
) -> None:
    """Score every transaction of a table: score, rarity, verdict and contributions.

    With --out, the command writes one row per transaction, in the order of the table: transaction id (if the schema
    has one), score, rarity, anomalous, and the contribution of each field. Without --out, it shows the top-scoring
    transactions. Tables are read in chunks, so they may be larger than memory.

    Exit codes: 0 done, 1 the table or the model cannot be used (nothing is written), 2 wrong usage. Anomalies do not
    change the exit code.

    Examples:

        eddy score active transactions.parquet

        eddy score active "2026-03-*.csv" --out scored.parquet

        zcat day.jsonl.gz | eddy score 20260301T101500Z-3f2a9c - --out scored.csv --json
    """
    from eddy.model.data.files.writers import check, writing

    started = time.perf_counter()
    if out_file is not None:
        check(out_file)
    detector = detector_of(store_of(artifacts), version)
    with nullcontext(None) if out_file is None else writing(out_file) as write:
        tally = _score(data, detector, write, quiet=as_json)
    if as_json:
        print_json(_summary(tally, detector, out_file, time.perf_counter() - started))
    else:
        _report(tally, detector, out_file)


def _score(data: str, detector: Detector, write: Write | None, quiet: bool) -> Tally:
    from eddy.model.data.batch_scoring import score_pieces
    from eddy.model.data.conversion import TableError
    from eddy.model.data.files.sources import expected_rows
    from eddy.model.data.sampling import read_pieces

    tally, named = Tally(), detector.schema.role("transaction") is not None
    pieces = read_pieces(data, texts=detector.schema.texts, consistent=False)
    with counting("scoring", expected_rows(data), quiet=quiet) as advance:
        for piece in score_pieces(pieces, detector):
            if write is not None:
                write(piece.frame)
            tally.add(piece, named)
            advance(tally.rows)
    if not tally.rows:
        raise TableError(f"{data} has no rows: give a table of transactions")
    return tally


def _summary(tally: Tally, detector: Detector, out_file: Path | None, seconds: float) -> dict[str, Any]:
    return {
        "version": detector.version,
        "rows": tally.rows,
        "anomalous": tally.anomalous,
        "threshold": detector.threshold.score,
        "alert_rate": detector.threshold.rate,
        "out": out_file,
        "seconds": round(seconds, 3),
        "top_scoring": tally.top,
    }


def _report(tally: Tally, detector: Detector, out_file: Path | None) -> None:
    rate = detector.threshold.rate
    expected = f"; about {rate * tally.rows:,.0f} are expected among as many normal ones" if rate else ""
    say(f"{tally.anomalous:,} of {tally.rows:,} transactions are anomalous by {detector.version}{expected}.")
    if out_file is None:
        out.print(_top_table(tally.top))
    else:
        say(f"Verdicts and contributions are in {out_file}.")


def _top_table(rows: list[TopRow]) -> Table:
    """The top-scoring rows for the terminal."""
    from rich.table import Table

    named = any(row.transaction for row in rows)
    reasons = "largest contributions"
    table = Table("row", *(["transaction"] if named else []), "rarity", "score", reasons, box=None)
    for row in rows:
        name = [row.transaction or "-"] if named else []
        cells = (f"{row.row:,}", *name, one_in(row.rarity), f"{row.score:.4g}", contributions_text(row.contributions))
        table.add_row(*map(plain, cells), style="" if row.anomalous else "dim")
    return table

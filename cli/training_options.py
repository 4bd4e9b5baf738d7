"""The settings of training as options of commands; what they mean in full says `model.config.TrainingConfig`.

Limits are checked there, in one place, so that commands and Python give the same answers.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

ROWS, SCORE, NETWORK, ALERTS = "Rows to learn from", "What is scored", "Network", "Alerts"


def _option(panel: str, text: str, **more: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=panel, **more)


def _names(text: Any) -> Any:
    """Names written with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip()) if isinstance(text, str) else text


def _widths(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no list of whole numbers such as 64,32") from None


Report = Annotated[
    bool, typer.Option(help="Draw what was learned, and what other choices would do, as a page beside the model.")
]

AlertRate = Annotated[float, _option(ALERTS, "Share of normal transactions that the model's own threshold flags.")]

SampleRows = Annotated[int, _option(ROWS, "From a larger table so many rows are drawn at random; 0: all are used.")]
KeepLabelled = Annotated[
    bool, _option(ROWS, "Learn from rows labelled as anomalies too: shows what frauds without a label do.")
]
Contamination = Annotated[
    float, _option(ROWS, "Share of rows that may be frauds nobody has labelled; 0: known to be clean.")
]
HeldOut = Annotated[float, _option(ROWS, "Share of rows kept from the network, for whitening and calibration.")]
HeldOutRows = Annotated[int, _option(ROWS, "At most so many of them.")]

Features = Annotated[
    Any,
    _option(
        SCORE, "Groups of features, with commas: numbers, missing, amount, amount_by_category, categories, hour, "
        "hour_by_category; by default all that the schema has fields for.",
        parser=_names, metavar="NAMES", show_default=False,
    ),
]  # fmt: skip
Hinge = Annotated[bool, _option(SCORE, "Count only amounts above the usual, not those below.")]
Parts = Annotated[
    str,
    _option(
        SCORE, "What counts: how unusual a row is by itself (inputs), what the networks cannot reconstruct (network), "
        "both, or both on a scale on which no single feature decides alone (balanced; of categories alone, pairs).",
        metavar="balanced|both|network|inputs",
    ),
]  # fmt: skip
Score = Annotated[
    str, _option(SCORE, "The textbook's mean squared error (mse), to compare with.", metavar="whitened|mse")
]

NetworkInput = Annotated[str, _option(NETWORK, "Features as the networks see them.", metavar="whitened|standardised")]
Members = Annotated[int, _option(NETWORK, "Networks that differ in their seed; their scores are averaged.")]
Hidden = Annotated[
    Any,
    _option(
        NETWORK, "Widths of the layers before the bottleneck, with commas; by default twice and once the features.",
        parser=_widths, metavar="WIDTHS", show_default=False,
    ),
]  # fmt: skip
Bottleneck = Annotated[
    int | None, _option(NETWORK, "Numbers that a network must make do with; by default three tenths of the features.")
]
Clusters = Annotated[int, _option(NETWORK, "So many Gaussian clusters instead of networks; 0: none.")]
Loss = Annotated[str, _option(NETWORK, "What the networks are trained on.", metavar="huber|mse")]
Steps = Annotated[int, _option(NETWORK, "How long the networks learn.")]
Batch = Annotated[int, _option(NETWORK, "Rows that they learn from at once.")]
Seed = Annotated[int, _option(NETWORK, "Of everything random.")]

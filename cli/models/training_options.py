"""The settings of training as options of commands; what they mean in full says `model.config.TrainingConfig`.

Limits are checked there, in one place, so that commands and Python give the same answers.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

ROWS, SCORE, NETWORK, ALERTS = "Training rows", "Score", "Network", "Alerts"


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
        raise typer.BadParameter(f"{text!r} is not a list of whole numbers: give widths such as 64,32") from None


Report = Annotated[
    bool, typer.Option(help="Write a training report with an ablation, an HTML file stored with the model.")
]

AlertRate = Annotated[float, _option(ALERTS, "Share of normal transactions that the model's threshold flags.")]

SampleRows = Annotated[int, _option(ROWS, "Rows to sample at random from a larger table; 0: use all rows.")]
KeepLabelled = Annotated[
    bool, _option(ROWS, "Train on rows labelled as anomalies, too; shows the effect of unlabelled frauds.")
]
Contamination = Annotated[
    float, _option(ROWS, "Largest share of rows that may be unlabelled frauds; 0: the table is clean.")
]
HeldOut = Annotated[
    float,
    _option(
        ROWS,
        "Share of rows held out from the networks, for whitening and calibration; at least 500 rows, or half of them.",
    ),
]
HeldOutRows = Annotated[int, _option(ROWS, "Largest number of held-out rows.")]

Features = Annotated[
    Any,
    _option(
        SCORE, "Feature groups, comma-separated: numbers, missing, amount, amount_by_category, categories, hour, "
        "hour_by_category; by default all for which the schema has fields.",
        parser=_names, metavar="NAMES", show_default=False,
    ),
]  # fmt: skip
Hinge = Annotated[bool, _option(SCORE, "Clip amounts below the mean, so that only large ones count.")]
Parts = Annotated[
    str,
    _option(
        SCORE, "Score components: whitened features (inputs), reconstruction errors (network), the sum of these "
        "(both), tail scores and log-scaled reconstruction errors (balanced), or tail scores, reconstruction errors "
        "and distance to usual rows in proportion (combined). With categories only, balanced and combined count pairs.",
        metavar="combined|balanced|both|network|inputs",
    ),
]  # fmt: skip
Score = Annotated[
    str,
    _option(SCORE, "Error measure; mse is the textbook's mean squared error, for comparison.", metavar="whitened|mse"),
]

NetworkInput = Annotated[
    str, _option(NETWORK, "Transformation of the features that the networks see.", metavar="whitened|standardised")
]
Members = Annotated[int, _option(NETWORK, "Ensemble size: networks with different seeds, whose errors are averaged.")]
Hidden = Annotated[
    Any,
    _option(
        NETWORK, "Widths of the layers before the bottleneck, comma-separated; by default 1.5 and 0.75 times the "
        "number of features, at most 192 and 96.",
        parser=_widths, metavar="WIDTHS", show_default=False,
    ),
]  # fmt: skip
Bottleneck = Annotated[
    int | None, _option(NETWORK, "Width of the bottleneck; by default 0.3 times the number of features.")
]
Clusters = Annotated[int, _option(NETWORK, "Number of Gaussian clusters to use instead of networks; 0: use networks.")]
Loss = Annotated[str, _option(NETWORK, "Training loss of the networks.", metavar="huber|mse")]
Steps = Annotated[int, _option(NETWORK, "Number of training steps.")]
Batch = Annotated[int, _option(NETWORK, "Rows per training step.")]
Seed = Annotated[int, _option(NETWORK, "Random seed.")]

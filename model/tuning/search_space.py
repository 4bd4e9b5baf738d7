"""The settings that `eddy tune` chooses among: each a few named options, the default first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from eddy.model.components.category_pairs import countable
from eddy.model.config import DEFAULTS, Parts, TrainingConfig
from eddy.model.features.encoder import GROUPS
from eddy.model.schema.schema import Kind, TransactionSchema

Choices = Mapping[str, str]
"""The option taken, by the name of the setting. Settings without an option are as they are by default."""


@dataclass(frozen=True)
class Setting:
    """A setting of training and what it may be: for each option the fields of `TrainingConfig` that differ.

    The first option is the default, and changes nothing. `of_networks`: it has no effect where no network is used.
    """

    name: str
    options: Mapping[str, Mapping[str, Any]]
    of_networks: bool = False

    @property
    def default(self) -> str:
        return next(iter(self.options))


_PARTS = sorted(get_args(Parts), key=lambda parts: parts != DEFAULTS.parts)
_CLUSTERS = (8, 32)
_PAIRS = "pairs of categories"
_WITHOUT_NETWORKS = ("inputs", _PAIRS, *(f"{count} clusters" for count in _CLUSTERS))
SCORE = Setting(
    "score",
    {parts: {"parts": parts} if parts != DEFAULTS.parts else {} for parts in _PARTS}
    | {f"{count} clusters": {"clusters": count} for count in _CLUSTERS},
)
SCORE_OF_CATEGORIES = Setting(
    SCORE.name, {_PAIRS if name == SCORE.default else name: option for name, option in SCORE.options.items()}
)
"""What the default means where there is nothing else (`model.components.category_pairs`)."""
CONTAMINATION = Setting(
    "contamination",
    {str(DEFAULTS.contamination): {}} | {str(share): {"contamination": share} for share in (0.0, 0.003, 0.03)},
)
NETWORK_INPUT = Setting(
    "network input", {"whitened": {}, "standardised": {"network_input": "standardised"}}, of_networks=True
)
HINGE = Setting("hinge", {"off": {}, "on": {"hinge": True}})


def space(schema: TransactionSchema) -> tuple[Setting, ...]:
    """What can be chosen for transactions of this schema."""
    width = max(2, len(schema.scored) + len(schema.timestamps))
    groups = _groups(schema)
    features = (_features(groups),) if len(groups) > 1 else ()
    hinge = (HINGE,) if schema.role("amount") else ()
    score = SCORE_OF_CATEGORIES if countable(len(schema.categorical), len(schema.scored)) else SCORE
    return (score, CONTAMINATION, NETWORK_INPUT, _hidden(width), _bottleneck(width), *features, *hinge)


def suggest(settings: tuple[Setting, ...], choose: Callable[[str, list[str]], str]) -> dict[str, str]:
    """An option for each setting that has an effect beside the others, chosen by the setting's name and options."""
    chosen: dict[str, str] = {}
    for setting in settings:
        if not setting.of_networks or chosen.get(SCORE.name) not in _WITHOUT_NETWORKS:
            chosen[setting.name] = choose(setting.name, list(setting.options))
    return chosen


def configured(base: TrainingConfig, settings: tuple[Setting, ...], chosen: Choices) -> TrainingConfig:
    """The configuration with these options, and all else as in `base`."""
    for setting in settings:
        base = replace(base, **setting.options[chosen.get(setting.name, setting.default)])
    return base


def defaults(settings: tuple[Setting, ...]) -> dict[str, str]:
    return {setting.name: setting.default for setting in settings}


def differing(settings: tuple[Setting, ...], chosen: Choices) -> dict[str, str]:
    """Only those options that are not the default."""
    return {s.name: chosen[s.name] for s in settings if chosen.get(s.name, s.default) != s.default}


def _hidden(width: int) -> Setting:
    """Layers between input and bottleneck, by how many features there are."""
    shapes = {"small": (width,), "large": (min(256, 4 * width), min(128, 2 * width)), "deep": (2 * width, width, width)}
    options = {f"{name} {'-'.join(map(str, widths))}": {"hidden": widths} for name, widths in shapes.items()}
    return Setting("hidden", {"as by default": {}, **options}, of_networks=True)


def _bottleneck(width: int) -> Setting:
    sizes = sorted({max(1, round(share * width)) for share in (0.1, 0.2, 0.5, 0.7)} - {max(1, round(0.3 * width))})
    return Setting(
        "bottleneck", {"as by default": {}, **{str(size): {"bottleneck": size} for size in sizes}}, of_networks=True
    )


def _features(groups: tuple[str, ...]) -> Setting:
    """All groups of features, or all but one."""
    without = {f"no {left_out}": {"features": tuple(g for g in GROUPS if g != left_out)} for left_out in groups}
    return Setting("features", {"all": {}, **without})


def _groups(schema: TransactionSchema) -> tuple[str, ...]:
    """The groups of features that transactions of this schema may have."""
    amount, time, levels = schema.role("amount"), schema.role("time"), schema.categorical
    numbers = [field for field in schema.of_kind(Kind.NUMERIC) if field != amount]
    present = {
        "numbers": numbers,
        "missing": [field for field in schema.of_kind(Kind.NUMERIC) if field.nullable],
        "amount": amount,
        "amount_by_category": amount and levels,
        "categories": levels,
        "hour": schema.timestamps,
        "hour_by_category": amount and time and levels,
    }
    return tuple(group for group in GROUPS if present.get(group))

"""Verdicts in words: the same in reports, on the terminal and in the demo."""

from collections.abc import Iterable

from eddy.model.serving.detector import Contribution

MILLION, BILLION = 1e6, 1e9


def one_in(rarity: float) -> str:
    """A rarity in words, to two digits; what is rarer than any table could show is not given a figure.

    >>> one_in(0.0004), one_in(1 / 16_632), one_in(0.7), one_in(4e-8), one_in(1e-15)
    ('1 in 2,500', '1 in 17,000', '1 in 1.4', '1 in 25 million', '1 in over a billion')
    """
    count = float(f"{1 / rarity:.2g}")
    if count > BILLION:
        return "1 in over a billion"
    if count >= 10 * MILLION:
        return f"1 in {count / MILLION:,.0f} million"
    return f"1 in {count:,.0f}" if count >= 10 else f"1 in {count:g}"


def value_text(value: float | str | None) -> str:
    if value is None:
        return "missing"
    return value if isinstance(value, str) else f"{value:,.4g}"


def why(part: Contribution) -> str:
    """What one field adds to a score: the observed value and the expected one."""
    return f"{part.field} {value_text(part.observed)} (expected {value_text(part.expected)})"


def contributions_text(parts: Iterable[Contribution]) -> str:
    """Contributions as one line, in the order given."""
    return ", ".join(map(why, parts))


def shares_text(parts: Iterable[Contribution], score: float) -> str:
    """Contributions as one line, each with its share of the score."""
    return "; ".join(why(part) + (f", {part.contribution / score:.0%}" if score > 0 else "") for part in parts)

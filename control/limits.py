"""How far an operator's change of the threshold may go."""

from dataclasses import dataclass

from eddy.model.errors import EddyError
from eddy.model.serving.calibration import check_rate
from eddy.model.serving.text import one_in

BUDGET_STEP_MOST = 2.0
"""`eddy budget` changes the alert rate by at most this factor at a time."""
STEP_MOST = 10.0
"""A change of the alert rate by more than this factor must be forced."""


class ChangeRefused(EddyError):
    """A change that must not be made; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Lowest and highest alert rate that may be asked for."""

    floor: float
    ceiling: float

    def check(self, proposed: float, current: float, *, force: bool = False) -> None:
        """Checks a proposed alert rate; `force` allows a large step, never a rate outside of floor and ceiling.

        Raises:
            ChangeRefused: it is outside, or too far from the current one.
            ThresholdError: it is no share at all.
        """
        check_rate(proposed)
        if not self.floor <= proposed <= self.ceiling:
            raise ChangeRefused(
                f"an alert rate of {proposed:.3g} ({one_in(proposed)}) is outside of EDDY_ALERT_RATE_FLOOR "
                f"({self.floor:g}) and EDDY_ALERT_RATE_CEILING ({self.ceiling:g}): choose one within, or move the limit"
            )
        factor = max(proposed / current, current / proposed)
        if factor > STEP_MOST and not force:
            raise ChangeRefused(
                f"from {one_in(current)} to {one_in(proposed)} the number of alerts changes by a factor of "
                f"{factor:,.0f}, more than {STEP_MOST:g}: go in steps, or repeat with --force"
            )

"""What Schemathesis needs to be told: times that fit both the format and the years of the schema."""

from datetime import UTC, datetime

import schemathesis
from hypothesis import strategies as st

TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30)).map(
    lambda at: at.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
)
schemathesis.openapi.format("date-time", TIMES)  # few of its own are of a year in which cards are paid with

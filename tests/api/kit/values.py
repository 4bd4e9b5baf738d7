"""A schema with fields of all kinds, and for each field values that are read and values that are refused."""

from typing import Any

from eddy.model.schema.schema import Field, Kind, TransactionSchema

ALL_KINDS = TransactionSchema(
    (
        Field("id", Kind.IDENTIFIER, role="transaction", unit="integer"),
        Field("card", Kind.CATEGORICAL, role="card"),
        Field("at", Kind.TIMESTAMP, role="time", unit="ms"),
        Field("posted", Kind.TIMESTAMP, unit="s"),
        Field("written", Kind.TIMESTAMP, unit="iso8601"),
        Field("online", Kind.NUMERIC, unit="boolean"),
        Field("amount", Kind.NUMERIC, role="amount", unit="EUR"),
        Field("distance km", Kind.NUMERIC, nullable=True),
        Field("mcc", Kind.CATEGORICAL, unit="integer", nullable=True),
        Field("shop", Kind.CATEGORICAL, nullable=True),
        Field("note", Kind.IGNORED),
        Field("fraud", Kind.LABEL),
    )
)
SOUND = {
    "id": 17,
    "card": "c",
    "at": 1_772_368_496_789,
    "posted": 1.5,
    "written": "2026-03-01T12:34:56Z",
    "online": False,
    "amount": 3,
    "distance km": None,
    "mcc": None,
    "shop": None,
}
TIMES = [
    "1970-01-01T00:00:00Z",
    "2199-12-31T23:59:59Z",
    "2026-03-01",
    "2026-03-01T12:34",
    "2026-03-01 12:34:56,5 +0200",
    " 2026-03-01t12:34:56.123456789z\n",
    "2026-03-01T12:34:56.12345678901234Z",
    "2026-03-01T12:34-05",
    "2028-02-29",
]
NO_TIMES: list[Any] = [
    "1969-12-31T23:59:59Z",
    "2200-01-01T00:00:00Z",
    "1970-01-01T00:00:00+01:00",
    "2199-12-31T23:59:59-01:00",
    "2026-02-29",
    "2100-02-29",
    "2026-04-31",
    "2026-13-01",
    "2026-03-01T24:00:00Z",
    "2026-03-01T23:59:60Z",
    "2026-03-01Z",
    "2026-03-01T12:34:56+24:00",
    "01.03.2026",
    "20260301",
    "",
    5,
    None,
]
NUMBERS = ["3", "12.50", " -.5\n", "5.", "+1e3", "9" * 30, "0" * 40 + "1", "12.5e15", "9.99E29", "1" * 30 + "e-9999"]
NO_NUMBERS = ["", ".", "1,5", "12 EUR", "1_000", "0x10", "nan", "inf", "1" + "0" * 31, "1e31", "12e30", "1e9999", "- 1"]
CHANGES: dict[str, list[Any]] = {
    "id": [0, 2**70, "17", " 0017.0 ", "1" * 40, "1" * 41, "1e3", "x", "", 5.0, 1.5, True, [1], None],
    "card": ["", "x" * 4_000, "x" * 4_001, "a\0b", None, 3, -1.5, 1e300, True, [], {}],
    "at": [0, -1, 7_258_118_399_999, 7_258_118_400_000, "1", "7258118399999.5", "7258118400000", "-1", "x", True],
    "posted": [0.0, -0.5, 7_258_118_399.9, 7_258_118_400, None, "0.5", "+.5", "00007258118399", "7258118400", "", "."],
    "written": [*TIMES, *NO_TIMES],
    "online": [True, 1, 0, 1.0, 2, 0.5, "true", " FALSE\n", "1", "0", "2", "yes", "", None],
    "amount": [1e30, -1e30, 1.1e30, -1.1e30, None, True, [], *NUMBERS, *NO_NUMBERS],
    "distance km": [1.5, 1e31, "x", "1.5", None],
    "mcc": [5_411, 2**63 - 1, 2**63, -(2**63), 5411.0, "5411", "0742", "54 11", 1.5, True],
    "shop": ["s", "x" * 4_001, 1, False, [1]],
    "note": [None, "anything", {"a": 1}],
    "other": [1],
    "n" * 256: [1],
    "n" * 257: [1],
}

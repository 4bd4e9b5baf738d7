"""Header names may be any bytes; damage is still damage; ordinary records are read as the client reads them."""

from typing import Any

import pytest
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from eddy.messaging.kafka.record_batch import RecordBatch
from tests.plugins.poison import RawName

NONE, GZIP = 0, 1


def batch(*headers: list[tuple[str, bytes | None]], codec: int = NONE) -> bytearray:
    """One record for each list of headers; the value is the record's number."""
    builder = DefaultRecordBatchBuilder(2, codec, False, -1, -1, -1, 1_000_000)
    for number, names in enumerate(headers):
        builder.append(number, 1_700_000_000_000 + number, b"key", b"%d" % number * 100, names)
    built: bytearray = builder.build()
    return built


def read(kind: Any, data: bytearray) -> list[Any]:
    return [(r.offset, r.timestamp, r.key, r.value, r.headers) for r in kind(data)]


@pytest.mark.parametrize("codec", [NONE, GZIP])
def test_what_is_not_utf8_in_a_name_becomes_the_replacement_character(codec: int) -> None:
    names = [[("a", b"1")], [("a", b"1"), (RawName(b"tr\xffce"), None), ("z", b"\xff")], [(RawName(b"\x80"), b"")], []]
    found = read(RecordBatch, batch(*names, codec=codec))
    assert [headers for *_, headers in found] == [
        [("a", b"1")],
        [("a", b"1"), ("tr\ufffdce", None), ("z", b"\xff")],
        [("\ufffd", b"")],
        [],
    ]
    assert [(offset, value) for offset, _, _, value, _ in found] == [(n, b"%d" % n * 100) for n in range(4)]
    assert {type(part) for _, _, key, value, _ in found for part in (key, value)} == {bytes}


def test_ordinary_records_are_read_as_the_client_reads_them() -> None:
    data = batch([("a", b"1")], [], [("\u00e9", None)])
    assert read(RecordBatch, data) == read(DefaultRecordBatch, data)


@pytest.mark.parametrize("at", [62, 66])
def test_a_damaged_record_is_still_an_error(at: int) -> None:
    data = batch([], [("a", b"1")])
    data[at] ^= 0x7F
    with pytest.raises(CorruptRecordError):
        read(DefaultRecordBatch, data)
    with pytest.raises(CorruptRecordError):
        read(RecordBatch, data)


def test_bytes_left_over_are_still_an_error() -> None:
    with pytest.raises(CorruptRecordError):
        read(RecordBatch, batch([]) + b"\0")

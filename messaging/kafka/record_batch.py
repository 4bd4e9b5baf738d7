"""Reads records whose headers have names that are not UTF-8: anybody may write one, and the client cannot read past it.

The client decodes names strictly. What that raises ends the generator that reads the fetch, and with it the partition:
the next poll finds the ended generator and spins on it for ever.
"""

from typing import Any

from kafka.record import memory_records
from kafka.record.default_records import DefaultRecordBatch


class _LenientBytes(bytearray):
    """Bytes of which any part can be decoded: what is not UTF-8 becomes U+FFFD."""

    def __getitem__(self, at: Any) -> Any:
        found: Any = super().__getitem__(at)
        return _LenientBytes(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002
        return bytes(self).decode(encoding, "replace")


class RecordBatch(DefaultRecordBatch):  # type: ignore[misc]
    """The client's batch; where a record cannot be read, it goes on leniently from there."""

    def __next__(self) -> Any:
        if self._next_record_index >= self._num_records:
            return super().__next__()
        # Its own method, not wrapped but repeated: a wrapper would cost a call per record.
        try:
            record = self._read_msg()
        except (ValueError, IndexError):  # a name that cannot be decoded is a ValueError, and so is real damage
            self._buffer: bytearray = _LenientBytes(self._buffer)
            return super().__next__()
        self._next_record_index += 1
        return record


def install() -> None:
    """Makes all consumers of this process read such records."""
    memory_records.DefaultRecordBatch = RecordBatch

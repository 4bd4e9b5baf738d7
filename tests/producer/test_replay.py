"""Replaying a table: in event order, with its own times and values, without labels; what cannot be sent is reported."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from eddy.messaging.memory.broker import MemoryBroker
from eddy.model.data.conversion import TableError
from eddy.model.data.files.writers import writing
from eddy.model.data.schema_inference import infer
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.producer import replay as replay_module
from eddy.producer.messages import outgoing
from eddy.producer.publish import Pace, publish
from eddy.producer.replay import Replay
from eddy.producer.synthetic import SyntheticStream

Save = Callable[[pd.DataFrame], Path]

SCHEMA = TransactionSchema(
    (
        Field("nr", Kind.IDENTIFIER, role="transaction", unit="integer"),
        Field("card", Kind.IDENTIFIER, role="card"),
        Field("at", Kind.TIMESTAMP, role="time", unit="iso8601"),
        Field("amount", Kind.NUMERIC, role="amount", nullable=True),
        Field("shop", Kind.CATEGORICAL, nullable=True),
        Field("note", Kind.IGNORED),
        Field("is_fraud", Kind.LABEL),
    )
)


@pytest.fixture(params=["csv", "csv.gz", "parquet"])
def save(request: pytest.FixtureRequest, tmp_path: Path) -> Save:
    def to(frame: pd.DataFrame) -> Path:
        path = tmp_path / f"table.{request.param}"
        if request.param == "parquet":
            frame.to_parquet(path, row_group_size=2)
        else:
            frame.to_csv(path, index=False)
        return path

    return to


def table(**columns: Any) -> pd.DataFrame:
    plain: dict[str, Any] = {
        "nr": [1, 2, 3, 4],
        "card": ["007", "c-2", "007", "c-2"],
        "at": [f"2026-01-01 10:0{minute}:00" for minute in range(4)],
        "amount": [1.5, 20.0, None, 4.25],
        "shop": ["bakery", "fuel", "bakery", None],
        "note": ["x"] * 4,
        "is_fraud": [0, 0, 1, 0],
    }
    return pd.DataFrame({**plain, **columns})


def rows(replay: Replay) -> list[dict[str, Any]]:
    return [json.loads(value) for batch in replay.batches() for value in batch.values]


def test_rows_travel_with_their_own_times_and_values_and_without_labels(save: Save) -> None:
    replay = Replay(save(table()), SCHEMA)
    assert rows(replay) == [
        {"nr": 1, "card": "007", "at": "2026-01-01T10:00:00.000Z", "amount": 1.5, "shop": "bakery"},
        {"nr": 2, "card": "c-2", "at": "2026-01-01T10:01:00.000Z", "amount": 20.0, "shop": "fuel"},
        {"nr": 3, "card": "007", "at": "2026-01-01T10:02:00.000Z", "amount": None, "shop": "bakery"},
        {"nr": 4, "card": "c-2", "at": "2026-01-01T10:03:00.000Z", "amount": 4.25, "shop": None},
    ]
    assert replay.bad.count == 0


def test_categories_that_are_whole_numbers_travel_as_such_also_beside_gaps(save: Save) -> None:
    codes = Field("shop", Kind.CATEGORICAL, unit="integer", nullable=True)
    schema = TransactionSchema(tuple(codes if field.name == "shop" else field for field in SCHEMA.fields))
    sent = rows(Replay(save(table(shop=[5411.0, None, 5812.0, 5411.0])), schema))
    assert [json.dumps(row["shop"]) for row in sent] == ["5411", "null", "5812", "5411"]


def test_the_key_is_the_card(save: Save) -> None:
    replay = Replay(save(table()), SCHEMA)
    assert [key for batch in replay.batches() for key in batch.keys] == [b"007", b"c-2", b"007", b"c-2"]


def test_a_table_out_of_order_is_sorted_by_time_and_says_so(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "ROWS", 3)
    shuffled = table().iloc[[2, 0, 3, 1]]
    replay = Replay(save(shuffled), SCHEMA)
    assert not replay.in_order
    assert [row["nr"] for row in rows(replay)] == [1, 2, 3, 4]
    assert Replay(save(table()), SCHEMA).in_order


def test_equal_times_keep_the_order_of_the_file(save: Save) -> None:
    times = ["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"]
    assert [row["nr"] for row in rows(Replay(save(table(at=times)), SCHEMA))] == [2, 4, 1, 3]


def test_rows_without_card_or_time_are_told_not_sent(save: Save) -> None:
    broken = table(card=["007", None, "007", "c-2"], at=["2026-01-01 10:00", "2026-01-01 10:01", "soon", None])
    replay = Replay(save(broken), SCHEMA)
    assert [row["nr"] for row in rows(replay)] == [1]
    assert replay.bad.count == 3
    assert sorted(replay.bad.examples) == [
        (2, "no card in column card"),
        (3, "no readable time in column at"),
        (4, "no readable time in column at"),
    ]


def test_rows_are_counted_as_in_the_file_also_when_it_was_sorted(save: Save) -> None:
    times = ["2026-01-03", "2026-01-02", None, "2026-01-01"]
    replay = Replay(save(table(at=times)), SCHEMA)
    assert [row["nr"] for row in rows(replay)] == [4, 2, 1]
    assert replay.bad.examples == [(3, "no readable time in column at")]


def test_only_a_few_bad_rows_are_quoted(save: Save) -> None:
    many = pd.concat([table(card=[None] * 4)] * 10)
    replay = Replay(save(many), SCHEMA)
    assert rows(replay) == []
    assert replay.bad.count == 40
    assert len(replay.bad.examples) == 5


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000)])
def test_times_that_are_numbers_travel_as_numbers(save: Save, unit: str, factor: int) -> None:
    fields = tuple(Field("at", Kind.TIMESTAMP, "time", unit) if part.name == "at" else part for part in SCHEMA.fields)
    times = [(1_767_225_600 + second) * factor for second in range(4)]
    replay = Replay(save(table(at=times)), TransactionSchema(fields))
    assert [row["at"] for row in rows(replay)] == times
    assert np.concatenate([batch.times_s for batch in replay.batches()])[1] == 1_767_225_601


def test_times_with_an_offset_are_told_in_utc(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    times = pd.to_datetime(table()["at"]).dt.tz_localize("Europe/Berlin")
    table(at=times).to_parquet(path)
    assert rows(Replay(path, SCHEMA))[0]["at"] == "2026-01-01T09:00:00.000Z"


def test_text_among_numbers_travels_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    table(amount=["1.5", "oops", "", "4"]).to_csv(path, index=False)
    assert [row["amount"] for row in rows(Replay(path, SCHEMA))] == [1.5, "oops", None, 4.0]


def test_cards_that_are_numbers_with_gaps_have_no_decimal_point(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    table(card=[4000.0, None, 4000.0, 12.0]).to_parquet(path)
    replay = Replay(path, SCHEMA)
    assert [key for batch in replay.batches() for key in batch.keys] == [b"4000", b"4000", b"12"]


def test_messages_are_what_the_schema_decodes(save: Save) -> None:
    import msgspec

    struct = SCHEMA.struct(forbid_unknown=True)
    values = [value for batch in Replay(save(table()), SCHEMA).batches() for value in batch.values]
    decoded = [msgspec.json.decode(value, type=struct) for value in values]
    assert np.isnan(SCHEMA.columns(decoded).numeric).sum() == 1


def written(path: Path, count: int, fraud: float = 0.02) -> Path:
    """A synthetic table, as `eddy produce synthetic --to` writes it."""
    with writing(path) as write:
        for chunk in SyntheticStream(seed=4, cards=100, fraud=fraud).chunks(count, size=1_000):
            write(chunk.table())
    return path


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.jsonl"])
def test_a_synthetic_table_comes_back_as_the_messages_it_was_made_of(tmp_path: Path, name: str) -> None:
    replay = Replay(written(tmp_path / name, 3_000))
    stream = SyntheticStream(seed=4, cards=100, fraud=0.02)
    published = [json.loads(value) for batch in outgoing(stream.chunks(3_000)) for value in batch.values]
    assert rows(replay) == published
    assert replay.in_order


def test_a_written_table_holds_the_labels(tmp_path: Path) -> None:
    frame = pd.read_parquet(written(tmp_path / "transactions.parquet", 3_000))
    assert frame["is_fraud"].sum() > 0
    assert ((frame["fraud_kind"] != "") == frame["is_fraud"]).all()
    labels = {field.name for field in infer(frame).of_kind(Kind.LABEL)}
    assert labels == {"is_fraud", "fraud_kind"}


def test_a_replay_arrives_complete_and_in_order_on_a_broker(tmp_path: Path) -> None:
    path = written(tmp_path / "transactions.parquet", 2_000)
    broker = MemoryBroker({"transactions": 3})
    report = publish(Replay(path).batches(), broker.publisher(), "transactions")
    records = list(broker.reader().read("transactions"))
    assert report.delivered == len(records) == 2_000
    for partition in range(3):
        times = [json.loads(record.value or b"")["event_time"] for record in records if record.partition == partition]
        assert times == sorted(times)


def test_speedup_is_over_the_tables_own_time(save: Save) -> None:
    class Clock:
        now = 0.0

        def monotonic(self) -> float:
            return self.now

        def sleep(self, seconds: float, /) -> None:
            self.now += seconds

    clock = Clock()
    broker = MemoryBroker({"transactions": 1})
    batches = Replay(save(table()), SCHEMA).batches()
    report = publish(batches, broker.publisher(), "transactions", pace=Pace(speedup=60), clock=clock)
    assert report.seconds == pytest.approx(3, abs=0.001)


def test_what_cannot_be_replayed_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    table().drop(columns="shop").to_parquet(path)
    (tmp_path / "table.xlsx").write_bytes(b"")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 but not really")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "headless.csv").write_text("card,at,amount\n")
    without_card = tmp_path / "nobody.csv"
    table().drop(columns="card").to_csv(without_card, index=False)
    for arguments, said in (
        ((tmp_path / "none.csv",), "there is no file"),
        ((tmp_path / "table.xlsx",), "convert it"),
        ((tmp_path / "broken.parquet",), "cannot be read"),
        ((tmp_path / "empty.csv",), "is empty"),
        ((tmp_path / "headless.csv",), "has no rows"),
        ((path, SCHEMA), "has no column shop.*it has nr, card"),
        ((without_card,), 'which column .* is the card.*role = "card".*--schema'),
    ):
        with pytest.raises(TableError, match=said):
            Replay(*arguments)


def test_a_table_too_large_to_be_sorted_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.parquet"
    table().iloc[::-1].to_parquet(path)
    monkeypatch.setattr(replay_module.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 1}.get(name, 100))
    with pytest.raises(TableError, match=r"too large to be sorted here.*sort the file by at first"):
        Replay(path, SCHEMA)

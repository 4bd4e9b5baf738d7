import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from cli.train import train
from model.artifact import ArtifactStore
from producer.synthetic import SyntheticStream

ROOT = Path(__file__).parents[2]

app = typer.Typer()
app.command()(train)


def payments(rows: int) -> pd.DataFrame:
    made = next(SyntheticStream(seed=3, cards=100, fraud=0.01).chunks(count=rows, size=rows))
    return pd.DataFrame({**made.columns, "is_fraud": made.is_fraud})


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], Path]:
    """What `eddy train --json` says about a table of 2,000 payments, and where it stored the model."""
    here = tmp_path_factory.mktemp("train")
    payments(2_000).to_csv(here / "payments.csv", index=False)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "cli.main",
            "train",
            str(here / "payments.csv"),
            "--artifacts",
            str(here / "store"),
            "--json",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), here / "store"


def test_a_csv_becomes_the_active_model(answer: tuple[dict[str, object], Path]) -> None:
    told, path = answer
    store = ArtifactStore(path)
    assert told["version"] == store.active()
    assert Path(str(told["path"])).is_dir()
    detector = store.detector(store.active())
    assert detector.threshold.score == told["threshold"]
    card = detector.schema.role("card")
    assert card is not None
    assert card.name == "card_id"


def test_rows_labelled_anomalous_are_left_out(answer: tuple[dict[str, object], Path]) -> None:
    told, _ = answer
    frauds = int(payments(2_000)["is_fraud"].sum())
    assert frauds > 0
    assert (told["rows_left_out"], told["rows"]) == (frauds, 2_000 - frauds)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: None, ["no file"]),
        (lambda path: path.write_bytes(b"\x00\xff"), ["cannot be read"]),
        (lambda path: payments(100).to_csv(path, index=False), ["100 rows", "too few", "500"]),
        (lambda path: payments(600).assign(amount=1.0).iloc[[0] * 600].to_csv(path, index=False), ["the same"]),
        (
            lambda path: pd.DataFrame({"note": [f"free text {n}" for n in range(900)]}).to_csv(path, index=False),
            ["scored", "note"],
        ),
    ],
    ids=["missing", "binary", "few", "constant", "nothing to score"],
)
def test_a_table_that_cannot_be_learned_from_ends_with_one_and_a_remedy(
    tmp_path: Path, make: object, said: list[str]
) -> None:
    make(tmp_path / "payments.csv")  # type: ignore[operator]
    result = CliRunner().invoke(app, [str(tmp_path / "payments.csv"), "--artifacts", str(tmp_path / "store")])
    assert result.exit_code == 1
    told = " ".join(result.stderr.split())
    for words in said:
        assert words in told
    assert not (tmp_path / "store").exists()


def test_a_schema_with_a_wrong_edit_is_told_with_file_and_line(tmp_path: Path) -> None:
    payments(10).to_csv(tmp_path / "payments.csv", index=False)
    (tmp_path / "schema.toml").write_text('[fields]\namount = {kind = "number"}\n')
    arguments = [str(tmp_path / "payments.csv"), "--schema", str(tmp_path / "schema.toml")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    told = " ".join(result.stderr.split())
    for words in ("schema.toml", "line 2", "amount", "number"):
        assert words in told

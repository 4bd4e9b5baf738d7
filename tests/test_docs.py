"""What the documents say works as they say it."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eddy.cli.inspecting.settings import page
from eddy.devbroker.brokers import RunningBroker
from eddy.devbroker.node import free_port
from eddy.messaging.refusals import Category
from eddy.settings import TOPICS, Settings
from tests.places import ROOT

EDDY = Path(sys.executable).parent / "eddy"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def test_the_page_of_settings_is_what_settings_py_says() -> None:
    assert (ROOT / "docs/settings.md").read_text() == page(), "run: make docs"


def test_every_category_of_dead_letters_is_described() -> None:
    text = (ROOT / "docs/messages.md").read_text()
    assert [category for category in Category if f"`{category.value}`" not in text] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_settings_and_commands_that_are_named_exist(path: Path) -> None:
    text = path.read_text()
    variables = {f"EDDY_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"EDDY_[A-Z_]*[A-Z]", text)) - variables - {"EDDY_"} == set()
    known = set(re.findall(r"^│ ([a-z-]+) ", eddy("--help", env=dict(os.environ)), re.M))
    assert set(re.findall(r"(?:`|    )eddy ([a-z-]+)", text)) - known == set()


# A decision speaks of the day it was taken.
@pytest.mark.parametrize(
    "path", [page for page in PAGES if page.parent.name != "decisions"], ids=lambda path: path.name
)
def test_files_folders_and_modules_that_are_named_exist(path: Path) -> None:
    assert missing_names(path.read_text()) == []


def test_a_file_folder_or_module_that_does_not_exist_is_reported() -> None:
    wrong = "`model/gone.py` `model/gone/` `tests/gone/test_x.py` `eddy.model.gone.Name` `gone.py`"
    assert len(missing_names(wrong)) == 5
    assert missing_names("`model/serving/` `settings.py` `eddy.model.estimator.TransactionOutlierDetector`") == []


def test_every_function_on_the_map_is_in_the_file_beside_it() -> None:
    places = re.findall(r"`([\w/]+\.py)`: ((?:`[\w.]+`(?:, )?)+)", (ROOT / "docs/architecture.md").read_text())
    named = [(file, name) for file, names in places for name in re.findall(r"`([\w.]+)`", names)]
    assert len(named) > 20
    assert [(file, name) for file, name in named if name not in definitions(ROOT / file)] == []


def test_the_layout_on_the_map_names_every_package() -> None:
    layout = (ROOT / "docs/architecture.md").read_text().split("## Layout")[1].split("```")[1]
    folders, parent = set(), ""
    for indent, name in re.findall(r"^( *)([\w/]+)/ ", layout, re.M):
        parent = parent if indent else name
        folders.add(f"{parent}/{name}" if indent else name)
    packages = {str(at.parent.relative_to(ROOT)) for top in (ROOT / "src/eddy").iterdir() if top.is_dir()
                for at in (ROOT / top.name).rglob("__init__.py")}  # fmt: skip
    assert {name for name in packages if not name.startswith("reports/")} == folders - {"src/eddy"}


def missing_names(text: str) -> list[str]:
    """Backquoted paths and `eddy.` modules for which there is no file or folder."""
    paths = re.findall(r"`((?:[\w-]+/)*[\w-]+\.py|(?:[\w-]+/)+)`", text)
    folders = [path for path in paths if path.endswith("/")]
    tops = {entry.name for entry in ROOT.iterdir()}
    ours = [path for path in paths if path not in folders or path.split("/")[0] in tops]
    modules = [name for name in re.findall(r"\b(eddy(?:\.[a-z_]+)+(?:\.[A-Z]\w+)?)", text) if not is_ours(name)]
    return [path for path in ours if not is_there(path)] + modules


def is_there(path: str) -> bool:
    """From the top level, or among the tests of faults, whose table names files only."""
    return (ROOT / path).exists() or (ROOT / "tests/faults" / path).exists()


def is_ours(module: str) -> bool:
    """Whether there is such a module, a function in it, or an event type such as `eddy.alert.v1`."""
    names = [name for name in module.split(".")[1:] if not name[0].isupper()]
    at = ROOT.joinpath(*names)
    if at.is_dir() or at.with_suffix(".py").exists() or module in ("eddy.alert.v", "eddy.dead"):
        return True
    file = at.parent.with_suffix(".py")
    return file.exists() and at.name in definitions(file)


def definitions(file: Path) -> set[str]:
    """Functions and classes of a file, methods as `Class.method`."""
    body = ast.parse(file.read_text()).body
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    methods = {
        f"{node.name}.{below.name}" for node in classes for below in node.body if isinstance(below, ast.FunctionDef)
    }
    return methods | {node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text()


def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.S)


def eddy(*arguments: str, env: dict[str, str], cwd: Path = ROOT) -> str:
    done = subprocess.run([EDDY, *arguments], env=env, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def running(*arguments: str, env: dict[str, str], cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([EDDY, *arguments], env=env, cwd=cwd)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_the_readme_leads_a_newcomer_to_an_alert_of_their_own(
    readme: str, kafka: RunningBroker, tmp_path: Path
) -> None:
    """The commands and programs of the README, in its order, on a broker and topics of the test's own."""
    mark, port = f"-{os.getpid()}-{time.time_ns()}", free_port()
    env = dict(os.environ) | {
        "EDDY_KAFKA_BOOTSTRAP_SERVERS": kafka.address,
        "EDDY_GROUP": f"newcomer{mark}",
        "EDDY_METRICS_PORT": "0",
        "EDDY_API_PORT": str(port),
        **{f"EDDY_{name.upper()}": Settings.model_fields[name].default + mark for name in TOPICS},
    }

    def program(text: str) -> str:
        """A program of the README, with the address and the topics of this test."""
        for name in ("transactions", "alerts"):
            text = text.replace(f'"{name}"', f'"{name}{mark}"')
        done = subprocess.run(
            [sys.executable, "-c", text.replace("127.0.0.1:9092", kafka.address)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    publish, subscribe = blocks(readme)
    eddy("topics", "create", env=env)
    eddy("produce", "synthetic", "--count", "6000", "--to", "normal.parquet", env=env, cwd=tmp_path)
    eddy("train", "normal.parquet", env=env, cwd=tmp_path)
    with running("consume", "--workers", "2", env=env, cwd=tmp_path), running("serve", env=env, cwd=tmp_path):
        program(publish)
        seen = program(subscribe)
        assert "t-1: 1 in " in seen
        assert "(expected " in seen
        assert checked(port, publish)["anomalous"] is True
        assert "1 in = 0 passed + 1 alerted + 0 dead; nothing lost, nothing doubled" in eddy("ledger", "check", env=env)
        assert json.loads(eddy("alerts", "--json", env=env))["transaction_id"] == "t-1"


def checked(port: int, publish: str) -> dict[str, object]:
    """The API's answer about the transaction that the README publishes."""
    names: dict[str, object] = {}
    exec(publish[publish.index("transaction = ") : publish.index("producer.send")], names)
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/check",
        json.dumps(names["transaction"]).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, object] = json.load(answer)
    return found

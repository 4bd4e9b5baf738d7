"""What is installed: one package, `eddy`, complete, typed, and safe beside a user's own modules of the same names."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.places import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SOURCES = ROOT / "src/eddy"
NOT_SOURCES = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "artifacts")

NEEDED_BY = {
    "devbroker/docker.py": "docker",
    "model/data": "tables",
    "model/config.py": "",
    "model/schema": "",
    "model/serving": "",
    "model": "train",
    "producer/replay.py": "tables",
    "producer/rehearsal.py": "tables",
    "reports": "train",
}
"""The extra that folders of the package may need; all others are for the base install."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, made from an sdist, made from a copy of the sources."""
    copy, out = tmp_path_factory.mktemp("checkout") / "eddy", tmp_path_factory.mktemp("dist")
    shutil.copytree(ROOT, copy, symlinks=True, ignore=NOT_SOURCES)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(copy))
    assert len(list(out.glob("eddy_stream-*.tar.gz"))) == 1
    (found,) = out.glob("eddy_stream-*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with that wheel, and with all that the tests have but Eddy."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin/python"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a user works, who has modules of the names that Eddy's folders have."""
    for name in ("model", "settings", "api", "cli"):
        (tmp_path / f"{name}.py").write_text("raise AssertionError('a module of the user')")
    return tmp_path


def run(*command: str, cwd: Path | None = None) -> str:
    others = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    done = subprocess.run(command, cwd=cwd, env=others, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files() -> Iterator[str]:
    for folder, _, names in os.walk(SOURCES, followlinks=True):
        yield from (str((Path(folder) / name).relative_to(SOURCES.parent)) for name in names)


def test_the_wheel_has_every_file_once_and_nothing_beside_eddy(wheel: Path) -> None:
    inside = zipfile.ZipFile(wheel).namelist()
    content = sorted(name for name in inside if ".dist-info/" not in name)
    assert content == sorted(name for name in files() if "__pycache__" not in name)
    assert {"eddy/py.typed", "eddy/settings.py", "eddy/devbroker/kafka-jars/pom.xml"} <= set(content)


def test_every_module_can_be_imported_beside_modules_of_the_same_names(python: Path, place: Path) -> None:
    code = """
import importlib, pkgutil, sys
import eddy
assert sys.argv[1] in eddy.__file__, eddy.__file__
modules = [module.name for module in pkgutil.walk_packages(eddy.__path__, "eddy.")]
for module in modules:
    importlib.import_module(module)
print(len(modules))
"""
    count = int(run(str(python), "-c", code, str(python.parents[1]), cwd=place))
    assert count == sum(name.endswith(".py") for name in files()) - 1


def test_the_command_runs_beside_modules_of_the_same_names(python: Path, place: Path) -> None:
    said = run(str(python), "-m", "eddy.cli.main", "--version", cwd=place)
    assert said == f"eddy {PYPROJECT['project']['version']}\n"


def test_mypy_knows_the_types_of_the_public_names(python: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import eddy\n"
        "from eddy import ArtifactStore, TransactionOutlierDetector, TransactionSchema\n"
        "store = ArtifactStore('models')\n"
        "reveal_type(store.detector(store.active()))\n"
        "reveal_type(TransactionOutlierDetector(alert_rate=0.01).save)\n"
        "reveal_type(eddy.__version__)\n"
        "TransactionSchema.from_toml(1)\n"
    )
    command = [sys.executable, "-m", "mypy", "--python-executable", python, "--config-file=", script.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    found = [line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("script.py:")]
    assert [line for line in found if line.startswith("error: ")] == [
        'error: Argument 1 to "from_toml" of "TransactionSchema" has incompatible type "int"; '
        'expected "str"  [arg-type]'
    ], done.stdout
    assert 'note: Revealed type is "eddy.model.serving.detector.Detector"' in found
    assert 'note: Revealed type is "str"' in found
    assert any("datetime.datetime | None" in line and line.endswith('-> str"') for line in found), found


def python_says(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def test_importing_eddy_imports_none_of_what_only_some_need() -> None:
    heavy = "{'numpy', 'pandas', 'tensorflow', 'keras', 'sklearn', 'onnxruntime', 'kafka', 'flask'}"
    assert python_says(f"import sys, eddy; print({heavy} & set(sys.modules))") == "set()\n"
    served = "eddy.ArtifactStore, eddy.Detector, eddy.TransactionSchema"
    code = f"import sys, eddy; {served}; print({{'pandas', 'tensorflow', 'sklearn'}} & set(sys.modules))"
    assert python_says(code) == "set()\n"


def test_a_base_install_says_what_the_estimator_needs() -> None:
    said = python_says("import sys; sys.modules['pandas'] = None; from eddy import TransactionOutlierDetector")
    assert "TransactionOutlierDetector needs pandas" in said
    assert "pip install 'eddy-stream[train]'" in said


def test_a_name_that_eddy_does_not_have_is_refused_with_those_it_has() -> None:
    import eddy

    assert set(eddy.__all__) <= set(dir(eddy))
    assert eddy.__version__ == PYPROJECT["project"]["version"]
    with pytest.raises(AttributeError, match=r"no attribute 'Detectors'; it has ArtifactStore, Detector"):
        _ = eddy.Detectors


def declared(extra: str) -> set[str]:
    """Distributions that an install with this extra ("" for none) asks for by name, normalised."""
    project = PYPROJECT["project"]
    wanted = list(project["dependencies"])
    if extra:
        wanted += project["optional-dependencies"][extra]
    names: set[str] = set()
    for requirement in wanted:
        name, inner = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", requirement).groups()  # type: ignore[union-attr]
        names |= set().union(*map(declared, inner.split(","))) if name == "eddy-stream" else {normal(name)}
    return names


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(tree: ast.AST, late: bool) -> Iterator[str]:
    """Top-level packages that a module imports; with `late` also within functions. Types alone do not count."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        elif late or not isinstance(node, ast.FunctionDef):
            yield from imported(node, late)


distributions = cache(packages_distributions)


def undeclared(path: Path, extra: str, late: bool) -> list[str]:
    ours = {"benchmarks", "docs", "eddy", "tests"} | set(sys.stdlib_module_names)
    providers, allowed = distributions(), declared(extra)
    found = set(imported(ast.parse(path.read_text()), late)) - ours
    return [f"{path.relative_to(ROOT)}: {n}" for n in found if not allowed & set(map(normal, providers.get(n, [])))]


def extra_of(path: str) -> str:
    return next((extra for folder, extra in NEEDED_BY.items() if path.startswith(folder)), "")


def test_what_an_install_imports_is_what_it_has_declared() -> None:
    sources = [name.removeprefix("eddy/") for name in files() if name.endswith(".py")]
    found = [u for name in sources for u in undeclared((SOURCES / name).resolve(), extra_of(name), late=False)]
    assert found == []


def test_what_is_imported_late_is_declared_by_some_extra() -> None:
    sources = [name.removeprefix("eddy/") for name in files() if name.endswith(".py")]
    extras = {name: "docker" if extra_of(name) == "docker" else "train" for name in sources}
    assert [u for name in sources for u in undeclared((SOURCES / name).resolve(), extras[name], late=True)] == []


def test_what_tests_benchmarks_and_documents_import_is_declared_for_development() -> None:
    sources = [path for folder in ("benchmarks", "docs", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert [u for path in sources for u in undeclared(path, "dev", late=True)] == []

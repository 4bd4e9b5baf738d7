"""Apache Kafka's jars and a class archive, kept in the user's cache: fetched once, then a broker starts in a second.

Two processes may want them at the same time, and either may be killed half-way: a lock makes one wait for the other,
and everything is made elsewhere and renamed, so that what has its final name is complete.
"""

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from eddy import settings
from eddy.devbroker import processes
from eddy.devbroker.node import KAFKA_VERSION, BrokerStartError, OnProgress, tail

OLDEST_JAVA = 17
_POM = Path(__file__).parent / "kafka-jars" / "pom.xml"
_DOWNLOAD_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that can run Kafka. `build` identifies it: an archive serves only the Java that made it."""

    path: str
    version: str
    build: str


def find_java() -> Java | None:
    """The Java of JAVA_HOME, else of the search path, if it is new enough."""
    home = settings.environment("JAVA_HOME")
    for candidate in (f"{home}/bin/java" if home else None, "java"):
        path = shutil.which(candidate) if candidate else None
        java = _examine(path) if path else None
        if java is not None:
            return java
    return None


def _examine(path: str) -> Java | None:
    try:
        answer = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=10, check=True).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(\d+)', answer)
    if found is None or int(found[1]) < OLDEST_JAVA:
        return None
    return Java(path, found[1], hashlib.sha256(f"{path}\n{answer}".encode()).hexdigest()[:12])


def cache_dir() -> Path:
    """Where everything is kept: in the user's cache, on Linux $XDG_CACHE_HOME or ~/.cache."""
    return user_cache_path("eddy", appauthor=False) / f"kafka-{KAFKA_VERSION}"


def can_have_jars(cache: Path) -> bool:
    """Whether the jars are there, or can be fetched."""
    return (cache / "jars").is_dir() or shutil.which("mvn") is not None


def jars(cache: Path, on_progress: OnProgress) -> list[Path]:
    """Kafka's jars in a fixed order; fetched by Maven the first time.

    Raises:
        BrokerStartError: Maven could not; quotes its output.
    """

    def fetch(directory: Path) -> None:
        on_progress(f"Fetching Apache Kafka {KAFKA_VERSION} with Maven (44 MB, once) into {cache}")
        _fetch(directory)

    return sorted(made_once(cache / "jars", fetch).glob("*.jar"))


def _fetch(directory: Path) -> None:
    directory.mkdir()
    # A copy of the pom: Maven wants to be able to write beside it, and the package may be installed read-only.
    pom = str(shutil.copy(_POM, directory.with_suffix(".pom.xml")))
    goals = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={directory}"]
    try:
        done = processes.run([shutil.which("mvn") or "mvn", "-B", "-q", "-f", pom, *goals], _DOWNLOAD_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise BrokerStartError(f"Maven did not fetch Apache Kafka: {error}. {_MAVEN_REMEDY}") from error
    if done.returncode or not any(directory.glob("kafka_*.jar")):
        raise BrokerStartError(f"Maven could not fetch Apache Kafka; its output:\n{tail(done.stdout)}\n{_MAVEN_REMEDY}")


_MAVEN_REMEDY = "See that Maven reaches its repository, or name a broker of your own in EDDY_KAFKA_BOOTSTRAP_SERVERS."


def archive_path(cache: Path, java: Java) -> Path:
    """Where the class archive for this Java is kept; an empty file there means that this Java cannot make one."""
    return cache / f"classes-{java.build}.jsa"


def made_once(target: Path, make: Callable[[Path], None]) -> Path:
    """`target`; unless it exists, `make` is given a path beside it to make it at, while other processes wait."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / "lock"):
            if not target.exists():
                _make_aside(target, make)
    return target


def _make_aside(target: Path, make: Callable[[Path], None]) -> None:
    for left in target.parent.glob("unfinished-*"):  # under the lock: of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="unfinished-") as directory:
        unfinished = Path(directory) / target.name
        make(unfinished)
        unfinished.rename(target)

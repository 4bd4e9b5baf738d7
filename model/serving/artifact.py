"""Model artifacts: directories that never change, named by version, each verified byte by byte before it is used.

    <store>/20261121T101500Z-3f2a9c/    autoencoder.keras  scoring.onnx  manifest.json  manifest.sha256
    <store>/ACTIVE                      the version chosen to run; without it the newest runs

The manifest holds the SHA-256 of every file, and `manifest.sha256` that of the manifest. An artifact is written aside,
flushed to the disk and renamed, so there is never half of one. Hashes protect against damage, not against somebody who
may write to the store: they can also choose what runs.
"""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from eddy.model.arrays import Floats
from eddy.model.errors import EddyError
from eddy.model.schema.schema import Columns, Field, TransactionSchema
from eddy.model.serving.calibration import Calibration, Threshold
from eddy.model.serving.detector import Detector
from eddy.model.serving.scorer import Scorer

FORMAT = 2
GRAPH, NETWORK, REPORT, MANIFEST, MANIFEST_HASH, ACTIVE = (
    "scoring.onnx",
    "autoencoder.keras",
    "report.html",
    "manifest.json",
    "manifest.sha256",
    "ACTIVE",
)
PROBE_TOLERANCE = 1e-4
"""How far a probe row's score may be from the one noted at training, relative: other processors round differently."""

_VERSION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")


class ArtifactError(EddyError):
    """A model cannot be used or stored; the message says which, why, and what to do."""


class Probe(msgspec.Struct, frozen=True):
    """Rows with the scores that they had at training; scored again whenever the artifact is loaded."""

    numeric: tuple[tuple[float | None, ...], ...]
    categorical: tuple[tuple[str, ...], ...]
    timestamp: tuple[tuple[float, ...], ...]
    score: tuple[float, ...]

    @classmethod
    def of(cls, columns: Columns, score: Floats) -> "Probe":
        return cls(
            numeric=tuple(tuple(None if v != v else v for v in row) for row in columns.numeric.tolist()),
            categorical=tuple(map(tuple, columns.categorical.tolist())),
            timestamp=tuple(map(tuple, columns.timestamp.tolist())),
            score=tuple(score.tolist()),
        )

    @property
    def columns(self) -> Columns:
        rows = len(self.score)
        return Columns(
            np.array(self.numeric, np.float64).reshape(rows, -1),
            np.array(self.categorical, np.object_).reshape(rows, -1),
            np.array(self.timestamp, np.float64).reshape(rows, -1),
        )


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an artifact says of itself. `version` and `files` are filled in when it is stored."""

    format: int = FORMAT
    version: str = ""
    created_at: datetime
    fields: tuple[Field, ...]
    threshold: Threshold
    calibration: Calibration
    probe: Probe
    training: dict[str, Any]
    libraries: dict[str, str]
    files: dict[str, str] = {}

    @property
    def schema(self) -> TransactionSchema:
        return TransactionSchema(self.fields)


class ArtifactStore:
    """A directory of artifacts. It need not exist before something is added.

    >>> store = ArtifactStore("artifacts")
    >>> detector = store.detector(store.active())  # doctest: +SKIP
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def versions(self) -> tuple[str, ...]:
        """All versions, newest first."""
        entries = self.path.iterdir() if self.path.is_dir() else ()
        return tuple(sorted((entry.name for entry in entries if _is_version(entry)), reverse=True))

    def active(self) -> str:
        """The version that is to run: the chosen one, or else the newest.

        Raises:
            ArtifactError: there is none, or the chosen one is gone.
        """
        versions = self.versions()
        if not versions:
            raise ArtifactError(f"there is no model in {self.path}: make one with `eddy train FILE`")
        chosen = self._chosen()
        if chosen is not None and chosen not in versions:
            raise ArtifactError(
                f"{self.path / ACTIVE} names {chosen!r}, which is not in the store: choose another with "
                f"`eddy models use VERSION`, or delete that file so that the newest runs ({versions[0]})"
            )
        return chosen or versions[0]

    def choose(self, version: str) -> None:
        """Makes a version the active one, from now on and whatever is trained later.

        Raises:
            ArtifactError: it is not there, or damaged.
        """
        self.verified(version)
        with _write_failures(self.path):
            _write(self.path / f".{ACTIVE}", f"{version}\n".encode())
            (self.path / f".{ACTIVE}").replace(self.path / ACTIVE)
            _sync_directory(self.path)

    def add(self, draft: Manifest, files: Mapping[str, bytes]) -> str:
        """Stores an artifact and gives its version: the time of its making and the first digits of its graph's hash.

        Args:
            draft: the manifest without version and files.
            files: content by file name; at least the graph.

        Raises:
            ArtifactError: it could not be written; nothing of it is left.
        """
        made_at = draft.created_at.astimezone(UTC)
        version = f"{made_at:%Y%m%dT%H%M%SZ}-{_sha256(files[GRAPH])[:6]}"
        hashes = {name: _sha256(content) for name, content in files.items()}
        manifest = msgspec.structs.replace(draft, version=version, files=hashes)
        encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
        content = {**files, MANIFEST: encoded, MANIFEST_HASH: _hash_line(encoded)}
        with _write_failures(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._put(version, content)
        return version

    def _put(self, version: str, content: Mapping[str, bytes]) -> None:
        aside = Path(tempfile.mkdtemp(prefix=".incomplete-", dir=self.path))
        try:
            for name, data in content.items():
                _write(aside / name, data)
            aside.chmod(0o755)
            _sync_directory(aside)
            if (self.path / version).exists():
                raise ArtifactError(f"{version} is in {self.path} already: the same model, made this very second")
            aside.rename(self.path / version)
            _sync_directory(self.path)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise

    def manifest(self, version: str) -> Manifest:
        """What a version says of itself, without a look at its other files.

        Raises:
            ArtifactError: it is not there, damaged, or of a newer format.
        """
        if version not in self.versions():
            listed = ", ".join(self.versions()[:5]) or "none"
            raise ArtifactError(f"there is no version {version!r} in {self.path}; there are: {listed}")
        encoded = self._read(version, MANIFEST)
        if self._read(version, MANIFEST_HASH) != _hash_line(encoded):
            raise _damaged(version, MANIFEST)
        manifest = _decode(version, encoded)
        if manifest.version != version:
            raise ArtifactError(f"the model in {version} says that it is {manifest.version}: name its directory so")
        return manifest

    def manifest_sha256(self, version: str) -> str:
        """The hash of a version's manifest, and so, as that holds theirs, of all its files; hexadecimal.

        Raises:
            ArtifactError: it is not there, damaged, or of a newer format.
        """
        self.manifest(version)
        return _sha256(self._read(version, MANIFEST))

    def verified(self, version: str) -> tuple[Manifest, dict[str, bytes]]:
        """The manifest and the content of every file, each of which has the hash that it should have.

        Raises:
            ArtifactError: it is not there, a byte differs, or it is of a newer format.
        """
        manifest = self.manifest(version)
        files = {name: self._read(version, name) for name in manifest.files}
        for name, expected in manifest.files.items():
            if _sha256(files[name]) != expected:
                raise _damaged(version, name)
        return manifest, files

    def detector(self, version: str) -> Detector:
        """Loads a version, under its own threshold; nothing is loaded before all is verified.

        Raises:
            ArtifactError: it is not there, damaged, of a newer format, or scores differently on this machine.
        """
        manifest, files = self.verified(version)
        scorer = Scorer(files[GRAPH], manifest.schema.scored)
        scores = scorer.score(manifest.probe.columns).score
        least = 0.1 * float(np.median(np.abs(manifest.probe.score)))  # what is next to nothing is mostly rounding
        if not np.allclose(scores, manifest.probe.score, rtol=PROBE_TOLERANCE, atol=PROBE_TOLERANCE * least + 1e-9):
            raise ArtifactError(
                f"model {version} scores its probe rows differently here than where it was trained (ONNX Runtime "
                f"{manifest.libraries.get('onnxruntime')}): train it again with `eddy train FILE`"
            )
        return Detector(version, manifest.schema, scorer, manifest.calibration, manifest.threshold)

    def _chosen(self) -> str | None:
        file = self.path / ACTIVE
        return file.read_text(errors="replace").strip() if file.is_file() else None

    def _read(self, version: str, name: str) -> bytes:
        path = self.path / version / name
        try:
            if path.is_symlink() or path.name != name:
                raise ArtifactError(f"{path} leads elsewhere: an artifact's files must lie in its own directory")
            return path.read_bytes()
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read ({error.strerror}): restore it or train again") from None


def _is_version(entry: Path) -> bool:
    return _VERSION.fullmatch(entry.name) is not None and entry.is_dir() and not entry.is_symlink()


def _decode(version: str, encoded: bytes) -> Manifest:
    try:
        found = msgspec.json.decode(encoded, type=_Format).format
        if found > FORMAT:
            raise ArtifactError(f"model {version} has format {found}, this Eddy reads up to {FORMAT}: update Eddy")
        return msgspec.json.decode(encoded, type=Manifest)
    except msgspec.DecodeError as error:
        raise ArtifactError(f"the manifest of model {version} cannot be read ({error}): train again") from None


class _Format(msgspec.Struct):
    format: int


def _damaged(version: str, name: str) -> ArtifactError:
    return ArtifactError(f"{name} of model {version} is not what was stored: restore it from a copy, or train again")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hash_line(manifest: bytes) -> bytes:
    """As `sha256sum` writes it, so that it can be checked without Eddy."""
    return f"{_sha256(manifest)}  {MANIFEST}\n".encode()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _write_failures(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtifactError(
            f"cannot write to the model store {path}: {error.strerror}; free space, or allow it"
        ) from None

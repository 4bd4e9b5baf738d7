"""Eddy: streaming anomaly detection for payment transactions.

The public names, each imported when it is first asked for: `import eddy` alone costs nothing, and serving a model needs
none of what training needs.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eddy.model.estimator import TransactionOutlierDetector
    from eddy.model.schema.schema import TransactionSchema
    from eddy.model.serving.artifact import ArtifactStore
    from eddy.model.serving.detector import Detector

    __version__: str

__all__ = ["ArtifactStore", "Detector", "TransactionOutlierDetector", "TransactionSchema", "__version__"]

_MODULES = {
    "ArtifactStore": "eddy.model.serving.artifact",
    "Detector": "eddy.model.serving.detector",
    "TransactionOutlierDetector": "eddy.model.estimator",
    "TransactionSchema": "eddy.model.schema.schema",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("eddy-stream")
    if name not in _MODULES:
        raise AttributeError(f"module 'eddy' has no attribute {name!r}; it has {', '.join(__all__)}")
    try:
        return getattr(import_module(_MODULES[name]), name)
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] == "eddy":
            raise
        raise ModuleNotFoundError(
            f"{name} needs {error.name}, which is not installed: pip install 'eddy-stream[train]'", name=error.name
        ) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

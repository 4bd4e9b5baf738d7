"""Where the reader process leaves the control state for the workers of its host."""

from pathlib import Path

from eddy.model.errors import EddyError
from eddy.settings import Settings


class StateDirectoryError(EddyError):
    """The directory cannot be written to."""


def state_file(settings: Settings) -> Path:
    """The file; its directory is `EDDY_API_STATE`, by default `api-state` beside the model store."""
    directory = settings.api_state or settings.artifacts.absolute().parent / "api-state"
    return directory / "control.json"


def prepared(settings: Settings) -> Path:
    """The file, in a directory that exists.

    Raises:
        StateDirectoryError: it can be neither found nor made.
    """
    path = state_file(settings)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateDirectoryError(
            f"cannot make {path.parent}, where the API keeps threshold and model in force: {error.strerror}. "
            "Choose another directory with EDDY_API_STATE, or follow no changes: EDDY_API_KAFKA=off"
        ) from None
    return path


def source(settings: Settings) -> str:
    """Which topic of which brokers a state is of: that of others means nothing here."""
    return f"{settings.kafka_bootstrap_servers} {settings.topic_control}"

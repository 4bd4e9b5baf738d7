"""What Eddy uses of the client's private parts was looked at, in this very version."""

import ast
from importlib.metadata import version
from pathlib import Path

from eddy.messaging.kafka.client_internals import LOOKED_AT
from tests.places import ROOT

FOLDER = Path(ROOT) / "messaging" / "kafka"
OURS = {"self", "logs"}


def test_the_client_is_of_a_version_whose_private_parts_were_looked_at() -> None:
    installed = version("kafka-python")
    assert installed in LOOKED_AT, (
        f"kafka-python {installed} is installed, {sorted(LOOKED_AT)} were looked at: "
        "read messaging/kafka/client_internals.py and record_batch.py against it, run `make faults`, then add it"
    )


def private_parts(path: Path) -> list[str]:
    """Attributes with a leading underscore of anything but the object itself."""
    return [
        f"{path.name}:{node.lineno} {node.attr}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
        if not (isinstance(node.value, ast.Name) and node.value.id in OURS)
    ]


def test_no_other_file_touches_private_parts_of_the_client() -> None:
    touched = {path.name: private_parts(path) for path in FOLDER.glob("*.py")}
    assert touched.pop("client_internals.py")
    assert [part for found in touched.values() for part in found] == []

"""`eddy settings`: every setting, its value and where it comes from; and the page that documents them."""

from typing import Annotated, Any

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from rich.table import Table

from eddy.cli.console import out, plain
from eddy.settings import Settings, load

PAGE_HEAD = """# Settings

Every process reads its settings from the environment, then from a `.env` file in its working directory. It checks them
all at start and reports every problem at once. `eddy settings` prints the current values and their sources.
`eddy settings --markdown` generates this page from `settings.py`.

| variable | default | meaning |
|---|---|---|
"""


def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/settings.md instead.")] = False,
) -> None:
    """Show every setting with its value and source. Secrets are hidden.

    Example:

        EDDY_WORKERS=4 eddy settings
    """
    if markdown:
        typer.echo(page(), nl=False)
        return
    table = Table("setting", "value", "source", box=None, header_style="bold")
    current = load()
    for name in Settings.model_fields:
        table.add_row(variable(name), plain(shown(getattr(current, name))), current.source(name))
    out.print(table)


def page() -> str:
    """docs/settings.md."""
    return PAGE_HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def variable(name: str) -> str:
    return f"EDDY_{name.upper()}"


def shown(value: Any) -> str:
    """A value for people; a secret only by whether it is set."""
    if isinstance(value, SecretStr):
        return "(hidden)"
    return "-" if value is None else str(value)


def _row(name: str, field: FieldInfo) -> str:
    return f"| `{variable(name)}` | `{shown(field.default)}` | {field.description} |\n"

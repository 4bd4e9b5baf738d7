"""`eddy models`: the models in the store, and which one is active."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eddy.cli.console import fail, out, plain, print_json, say
from eddy.cli.tables import Artifacts, AsJson

if TYPE_CHECKING:
    from eddy.model.serving.artifact import ArtifactStore, Manifest
    from eddy.model.serving.detector import Detector

app = typer.Typer(help="List, show, activate, verify and compare models.", no_args_is_help=True)

Version = Annotated[str | None, typer.Argument(help="Model version (default: the active one).")]


@app.command("list")
def list_models(artifacts: Artifacts = None, as_json: AsJson = False) -> None:
    """List the models, newest first, and mark the active one.

    Example:

        eddy models list
    """
    from rich.table import Table
    from rich.text import Text

    store = store_of(artifacts)
    rows = [_row(store, version) for version in store.versions()]
    if as_json:
        print_json(rows)
        return
    if not rows:
        fail(f"there is no model in {store.path}: train one with `eddy train DATA`")
    table = Table("", "version", "trained on", "flags 1 in", "threshold", box=None)
    for row in rows:
        mark = Text("active" if row["active"] else "", style="green")
        if "problem" in row:
            table.add_row(mark, row["version"], Text(plain(row["problem"]), style="red"))
        else:
            rate = f"{1 / row['rate']:,.0f}" if row["rate"] else "-"
            table.add_row(mark, row["version"], f"{row['rows']:,} rows", rate, f"{row['threshold']:.4g}")
    out.print(table)


@app.command()
def show(
    version: Version = None,
    artifacts: Artifacts = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print only the schema, as a file to edit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a model's schema, threshold, training settings and library versions.

    Examples:

        eddy models show

        eddy models show 20260301T101500Z-3f2a9c --schema > schema.toml
    """
    store = store_of(artifacts)
    manifest = store.manifest(version or store.active())
    if schema:
        typer.echo(manifest.schema.to_toml(), nl=False)
    elif as_json:
        print_json(manifest)
    else:
        _describe(manifest)


@app.command()
def verify(version: Version = None, artifacts: Artifacts = None, as_json: AsJson = False) -> None:
    """Recompute every hash of a model and score its probe rows again.

    Exit codes: 0 everything is as stored; 1 a bit differs, a file is missing, or a file does not belong to the model.

    Examples:

        eddy models verify

        eddy models verify 20260301T101500Z-3f2a9c --json | jq .sound
    """
    from eddy.model.serving.artifact import ArtifactError

    store, chosen = store_of(artifacts), version
    try:
        chosen = version or store.active()
        manifest = _sound(store, chosen)
    except ArtifactError as error:
        if as_json:
            print_json({"version": chosen, "sound": False, "problem": str(error)})
        raise
    files, probe_rows = len(manifest.files) + 2, len(manifest.probe.score)
    if as_json:
        print_json({"version": chosen, "sound": True, "files": files, "probe_rows": probe_rows})
    else:
        say(f"{chosen} is intact: {files} files are as stored, {probe_rows} probe rows have the stored scores.")


def _sound(store: ArtifactStore, version: str) -> Manifest:
    """A version's manifest, after everything else about it was checked.

    Raises:
        ArtifactError: something is not as it was stored.
    """
    from eddy.model.serving.artifact import MANIFEST, MANIFEST_HASH, ArtifactError

    store.detector(version)
    manifest = store.manifest(version)
    found = {path.name for path in (store.path / version).iterdir()}
    strays = sorted(found - manifest.files.keys() - {MANIFEST, MANIFEST_HASH})
    if strays:
        raise ArtifactError(
            f"{version} holds {', '.join(strays)}, which was not stored with it: move it out of the model store"
        )
    return manifest


def store_of(artifacts: Path | None) -> ArtifactStore:
    from eddy.model.serving.artifact import ArtifactStore
    from eddy.settings import load

    return ArtifactStore(load(artifacts=artifacts).artifacts)


def detector_of(store: ArtifactStore, version: str) -> Detector:
    """The detector of a version; `active` is the one that runs.

    Raises:
        ArtifactError: it is not there, or cannot be used.
    """
    return store.detector(store.active() if version == "active" else version)


def _row(store: ArtifactStore, version: str) -> dict[str, Any]:
    """A line of the list; a damaged model has a problem instead of figures."""
    from eddy.model.serving.artifact import ArtifactError

    try:
        manifest = store.manifest(version)
        active = store.active() == version
    except ArtifactError as error:
        return {"version": version, "active": False, "problem": str(error)}
    return {
        "version": version,
        "active": active,
        "rows": manifest.training["rows"] + manifest.training["rows_held_out"],
        "rate": manifest.threshold.rate,
        "threshold": manifest.threshold.score,
    }


def _describe(manifest: Manifest) -> None:
    from rich.table import Table

    facts = Table.grid(padding=(0, 2))
    facts.add_row("version", manifest.version)
    facts.add_row("created", f"{manifest.created_at:%Y-%m-%d %H:%M:%S} UTC")
    facts.add_row("threshold", f"{manifest.threshold.score:.6g}")
    if manifest.threshold.rate:
        facts.add_row("flags", f"1 normal transaction in {1 / manifest.threshold.rate:,.0f}")
    for name, value in manifest.training.items():
        facts.add_row(name.replace("_", " "), _figure(value))
    facts.add_row("libraries", ", ".join(f"{name} {number}" for name, number in manifest.libraries.items()))
    out.print(facts, highlight=False)
    fields = Table("field", "kind", "role", "unit", "null", box=None, title_justify="left")
    for field in manifest.fields:
        fields.add_row(
            plain(field.name),
            field.kind.value,
            field.role or "",
            plain(field.unit or ""),
            "yes" if field.nullable else "",
        )
    out.print(fields, highlight=False)


def _figure(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, list):
        return ", ".join(map(_figure, value)) or "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)

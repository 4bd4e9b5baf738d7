"""Makes `tutorial.ipynb` of `tutorial.py`, runs it, and keeps its pictures: `make notebook`.

The script is what one reviews; the notebook is what one reads.

    python -m docs.notebook [FILE]
"""

import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
MARK = re.compile(r"^# %%(?: \[(markdown)\])?\n", re.M)


def notebook(script: str) -> nbformat.NotebookNode:
    """The cells of a script in percent format."""
    _, *parts = MARK.split(script)
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made.cells = [_cell(*pair, place) for place, pair in enumerate(zip(parts[::2], parts[1::2], strict=True))]
    return made


def _cell(kind: str | None, text: str, place: int) -> nbformat.NotebookNode:
    text = text.strip()
    if kind == "markdown":
        made = nbformat.v4.new_markdown_cell(re.sub(r"^# ?", "", text, flags=re.M))
    else:
        made = nbformat.v4.new_code_cell(text)
    made["id"] = f"cell-{place:02d}"
    return made


def run(made: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Runs all cells from the repository's root, in a kernel of this Python; raises when one fails."""
    NotebookClient(made, timeout=600, kernel_name="python3", resources={"metadata": {"path": HERE.parent}}).execute()
    for cell in made.cells:
        cell.metadata.pop("execution", None)  # times of day
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    made.metadata.pop("language_info", None)
    return made


def main(target: Path) -> None:
    nbformat.write(run(notebook((HERE / "tutorial.py").read_text())), target)
    print(f"{target}: {target.stat().st_size / 1e6:.2f} MB", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else HERE / "tutorial.ipynb")

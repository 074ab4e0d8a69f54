"""Scripts of libraries that the site ships with, so that a browser needs no network.

A page that is opened from a folder may load neither modules nor workers from files. Both are therefore carried by
classic scripts, as text that the browser makes a module or a worker of.
"""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from concord3d.errors import DependencyMissing
from concord3d.files import copy_folder, write_text

_WORKER = """// The search of the theme runs in a worker, which a browser does not start from a file.
if (location.protocol === "file:") {{
  const source = {source};
  const Native = window.Worker;
  window.Worker = function () {{
    return new Native(URL.createObjectURL(new Blob([source], {{ type: "text/javascript" }})));
  }};
}}
"""


def write_assets(sources: Path, folder: Path) -> None:
    """Write the site's own styles and scripts, and those of DataTables, Plotly and the theme's search.

    Args:
        sources: Folder of the site's own.
        folder: Where they go.

    Raises:
        DependencyMissing: A library is not installed.
    """
    copy_folder(sources, folder)
    tables = _installed("itables") / "html"
    bundle = json.dumps((tables / "dt_bundle.js").read_text(encoding="utf-8"))
    write_text(folder / "datatables.js", f"window.datatablesModule = {bundle};\n")
    write_text(folder / "datatables.css", (tables / "dt_bundle.css").read_text(encoding="utf-8"))
    plotly = _installed("plotly") / "package_data" / "plotly.min.js"
    write_text(folder / "plotly.min.js", plotly.read_text(encoding="utf-8"))
    workers = _installed("material") / "templates" / "assets" / "javascripts" / "workers"
    worker = next(path for path in workers.iterdir() if path.name.startswith("search.") and path.name.endswith(".js"))
    source = json.dumps(worker.read_text(encoding="utf-8"))
    # The theme's plugin for sites without a server asks the network for a script unless one of this name is there.
    write_text(folder / "iframe-worker.js", _WORKER.format(source=source))


def _installed(package: str) -> Traversable:
    """Return the folder of a package whose scripts are read and which is not imported."""
    try:
        return files(package)
    except ModuleNotFoundError as error:
        raise DependencyMissing(
            f"The package '{package}', whose scripts the site ships with, is not installed",
            found=error,
            next_step="make setup, or in the clone: pip install '.[site]'; then the command again",
        ) from error

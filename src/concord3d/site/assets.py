"""Scripts of libraries that the site ships with, so that a browser needs no network.

A page that is opened from a folder may load neither modules nor workers from files. Both are therefore carried by
classic scripts, as text that the browser makes a module or a worker of.
"""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

from concord3d.files import write_text

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
    """
    shutil.copytree(sources, folder, dirs_exist_ok=True)
    tables = files("itables") / "html"
    bundle = json.dumps((tables / "dt_bundle.js").read_text(encoding="utf-8"))
    write_text(folder / "datatables.js", f"window.datatablesModule = {bundle};\n")
    write_text(folder / "datatables.css", (tables / "dt_bundle.css").read_text(encoding="utf-8"))
    plotly = files("plotly") / "package_data" / "plotly.min.js"
    write_text(folder / "plotly.min.js", plotly.read_text(encoding="utf-8"))
    workers = files("material") / "templates" / "assets" / "javascripts" / "workers"
    worker = next(path for path in workers.iterdir() if path.name.startswith("search.") and path.name.endswith(".js"))
    source = json.dumps(worker.read_text(encoding="utf-8"))
    # The theme's plugin for sites without a server asks the network for a script unless one of this name is there.
    write_text(folder / "iframe-worker.js", _WORKER.format(source=source))

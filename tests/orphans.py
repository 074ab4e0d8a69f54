"""Names of the temporary files that a killed process leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from concord3d.files import atomic_path


def orphan_of(path: Path) -> Path:
    """The temporary path under which a process that is gone would have written a file; its folder is made."""
    gone = subprocess.Popen([sys.executable, "-S", "-c", ""])
    gone.wait()
    with atomic_path(path.with_name("living")) as temporary:
        name = temporary.name.replace(f".{os.getpid()}-", f".{gone.pid}-")
    path.with_name("living").unlink()
    return path.with_name(name.replace("living", path.name))

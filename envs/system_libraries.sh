#!/bin/sh
# Open3D loads these libraries when it is imported. Install what is missing where that is allowed, else say how.
set -eu
missing=""
for pair in libusb-1.0.so.0:libusb-1.0-0 libGL.so.1:libgl1 libEGL.so.1:libegl1 libgomp.so.1:libgomp1; do
    .venv/bin/python -c "import ctypes, sys; ctypes.CDLL(sys.argv[1])" "${pair%%:*}" 2>/dev/null || missing="$missing ${pair##*:}"
done

if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing system libraries:$missing"
    # shellcheck disable=SC2086
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
        missing=""
    fi
fi
if [ -n "$missing" ]; then
    echo "System libraries are missing:$missing" >&2
    echo "Open3D cannot render without them. Install them, then run the same command again:" >&2
    echo "    sudo apt-get install -y$missing" >&2
    exit 1
fi
# The list is that of today's Open3D; only an import tells whether it is whole.
.venv/bin/python -c "import open3d" >/dev/null || {
    echo "Open3D cannot be imported; the line above says why. Where it names a file lib*.so*, install the system's" >&2
    echo "package that has this file, then run the same command again." >&2
    exit 1
}

# Sourced by scripts: `make_venv NAME REQUIREMENTS [GB]` makes the virtual environment NAME in the user's cache with the packages
# of the file REQUIREMENTS from PyPI, unless it is there as it should be, and sets `venv` to its folder and `python` to its
# interpreter. With GB, that much space must be free for a new one. It is made by `python3` (another: set PYTHON).
make_venv() {
    local cache="${XDG_CACHE_HOME:-$HOME/.cache}/mec-gym" requirements="$2" gb="${3:-0}" free_kb
    venv="$cache/$1"
    python="$venv/bin/python"
    if cmp -s "$requirements" "$venv/installed.txt"; then
        return
    fi
    mkdir -p "$cache"
    free_kb="$(df -Pk "$cache" | awk 'NR == 2 { print $4 }')"
    if (( free_kb < gb * 1000000 )) && [[ ! -x $python ]]; then
        echo "The Python environment needs $gb GB in $cache; $((free_kb / 1000000)) GB are free." >&2
        exit 1
    fi
    if [[ ! -x $python ]]; then
        "${PYTHON:-python3}" -m venv "$venv"
    fi
    "$python" -m pip install --quiet --requirement "$requirements"
    cp "$requirements" "$venv/installed.txt"
}

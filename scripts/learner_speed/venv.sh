# Sourced by scripts: makes the Python environment of the peers from PyPI, once, and sets `python` to its interpreter.
# Needs Python 3.11 (another than `python3`: set PYTHON) and 7 GB of disk.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/mec-gym"
venv="$cache/learner-venv"
python="$venv/bin/python"
requirements=scripts/learner_speed/requirements.txt

if ! cmp -s "$requirements" "$venv/installed.txt"; then
    mkdir -p "$cache"
    free_kb="$(df -Pk "$cache" | awk 'NR == 2 { print $4 }')"
    if (( free_kb < 7000000 )) && [[ ! -x $python ]]; then
        echo "The Python environment needs 7 GB in $cache; $((free_kb / 1000000)) GB are free." >&2
        exit 1
    fi
    [[ -x $python ]] || "${PYTHON:-python3}" -m venv "$venv"
    "$python" -m pip install --quiet --requirement "$requirements"
    cp "$requirements" "$venv/installed.txt"
fi

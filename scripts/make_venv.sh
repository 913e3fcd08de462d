#!/bin/sh
# Make a Python environment with pip in the folder $1, whatever part of Debian's Python is there.
#
# Debian splits Python: `venv` comes with python3, but `ensurepip`, which puts pip into a new
# environment, with python3-venv. Where it is missing we install it as root, or else take pip from
# whatever has it: virtualenv, a pip of the system, or Debian's package unpacked without root.
set -eu

venv=$1

find_python() {
    for python in "${PYTHON:-python3}" python3.11 python3.12 python3.13 python3.14; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    echo "Python 3.11 or newer is needed; set PYTHON to its path" >&2
    exit 1
}

has_pip() {
    "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

as_root() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

with_ensurepip() {
    "$python" -c 'import ensurepip' 2>/dev/null && "$python" -m venv --clear "$venv"
}

with_debian_venv() {
    as_root || return 1
    echo "installing python3-venv with apt-get" >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update || true; apt-get -qq install -y python3-venv; } >/dev/null
    with_ensurepip
}

with_virtualenv() {
    "$python" -m virtualenv --quiet --clear "$venv" 2>/dev/null
}

with_system_pip() {
    "$python" -m pip --version >/dev/null 2>&1 || return 1
    "$python" -m venv --clear --without-pip "$venv"
    "$python" -m pip --python "$venv/bin/python" install --quiet pip
}

with_wheel() { # $1: the folder of Debian's python3-pip-whl
    for wheel in "$1"/pip-*.whl; do
        [ -f "$wheel" ] || return 1
        "$python" -m venv --clear --without-pip "$venv"
        "$venv/bin/python" "$wheel/pip" install --quiet pip && return
    done
    return 1
}

with_downloaded_wheel() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    echo "taking pip from Debian's package python3-pip-whl, unpacked without root" >&2
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    (
        cd "$work"
        apt-get -qq -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" update || true
        apt-get -qq -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" \
            download python3-pip-whl || apt-get -qq download python3-pip-whl
        dpkg-deb -x python3-pip-whl_*.deb root
    ) >/dev/null 2>&1 || return 1
    with_wheel "$work/root/usr/share/python-wheels"
}

if has_pip; then
    exit 0
fi
python=$(find_python)
for way in with_ensurepip with_debian_venv with_virtualenv with_system_pip \
    "with_wheel /usr/share/python-wheels" with_downloaded_wheel; do
    if $way && has_pip; then
        exit 0
    fi
done
cat >&2 <<'MESSAGE'
No Python environment could be made: this Python has neither ensurepip nor pip.
Install one of these, then run make again:
    apt-get install python3-venv        (as root, on Debian and Ubuntu)
    python3 -m pip install virtualenv
MESSAGE
exit 1

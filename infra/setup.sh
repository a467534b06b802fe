#!/bin/sh
# Make .venv and install requirements.lock into it. Nothing to do where that is done: a stamp holds the lock's hash.
# Knows two kinds of machine: pip configured with a folder that serves a CPU build of torch, and a plain one.
set -eu
cd "$(dirname "$0")/.."

TORCH_INDEX=https://download.pytorch.org/whl/cpu # PyTorch's public CPU builds; named here and nowhere else
VENV=.venv
PY=$VENV/bin/python
STAMP=$VENV/.fleetloop-installed

say() { printf 'setup: %s\n' "$*" >&2; }

digest() { # of everything that decides what is installed
    cat requirements.lock pyproject.toml edge/pyproject.toml infra/setup.sh | "$1" -c \
        'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

find_python() { # the first of 3.11-3.13 that can make a virtual environment
    for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3 python; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
            >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    say "no Python 3.11, 3.12 or 3.13 with venv found; install one (Debian: apt install python3 python3-venv)" \
        "or name it: make setup PYTHON=/path/to/python3"
    exit 2
}

links_of_pip() { # folders and pages that pip is configured to look into, one a line
    "$PY" -m pip config list 2>/dev/null | sed -n "s/^[^=]*find-links='\(.*\)'\$/\1/p" | tr ' ' '\n' |
        sed 's/\\n/\n/g' | grep -v '^$' | sort -u || true
}

indexes_of_pip() { # further package indexes that pip is configured with, one a line
    "$PY" -m pip config list 2>/dev/null | sed -n "s/^[^=]*extra-index-url='\(.*\)'\$/\1/p" | tr ' ' '\n' |
        sed 's/\\n/\n/g' | grep -v '^$' | sort -u || true
}

serves_torch() { # does one of pip's find-links hold a torch wheel for this Python?
    tag=$("$PY" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
    version=$(sed -n 's/^torch==\([^ ;]*\).*/\1/p' requirements.lock)
    for link in $(links_of_pip); do
        for wheel in "${link#file://}"/torch-"$version"*-"$tag"-*.whl; do
            [ -e "$wheel" ] && return 0
        done
    done
    return 1
}

cpu_torch() { # refuse a build that brings CUDA along: gigabytes that nothing here uses
    "$PY" -c 'import sys, torch; sys.exit(torch.version.cuda is not None)'
}

install() { # uv where it works, else pip alone; both with bytecode compiled, which halves every later start
    tool=$1
    shift
    if [ "$tool" = uv ]; then
        links=$(links_of_pip | sed 's/^/--find-links=/')
        indexes=$(indexes_of_pip | sed 's/^/--index=/')
        # shellcheck disable=SC2086 # one option a word
        "$VENV/bin/uv" pip install --quiet --python "$PY" --compile-bytecode --index-strategy unsafe-best-match \
            $links $indexes "$@"
    else
        "$PY" -m pip install --quiet --compile "$@"
    fi
}

install_all() {
    tool=$1
    torch=$(sed -n 's/^\(torch==[^ ;]*\).*/\1/p' requirements.lock)
    if ! "$PY" -c 'import torch' >/dev/null 2>&1 && ! serves_torch; then
        say "torch from PyTorch's CPU index"
        "$PY" -m pip install --quiet --no-deps --index-url "$TORCH_INDEX" "$torch" || return 1
    fi
    say "$(grep -c '==' requirements.lock) packages by $tool (a few minutes the first time)"
    install "$tool" --no-deps -r requirements.lock || return 1
    install "$tool" --no-deps --no-build-isolation -e edge -e . || return 1
}

main() {
    if [ -x "$PY" ] && [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(digest "$PY")" ]; then
        return
    fi
    if ! "$PY" -c 'import pip' >/dev/null 2>&1; then
        python=$(find_python)
        say "$VENV from $("$python" --version)"
        "$python" -m venv --clear "$VENV"
    fi
    unset PYTHONDONTWRITEBYTECODE
    uv=$(sed -n 's/^\(uv==[^ ;]*\).*/\1/p' requirements.lock)
    if ! { "$PY" -m pip install --quiet "$uv" && install_all uv; }; then
        say "uv did not get through; trying again with pip alone"
        install_all pip || { say "the packages could not be installed; see the lines above"; exit 2; }
    fi
    cpu_torch || {
        "$PY" -m pip uninstall --quiet --yes torch
        say "torch came as a CUDA build; removed. Point pip at a CPU build (find-links) and run make setup again"
        exit 2
    }
    # DVC refuses a folder without a git history unless it is told
    [ -e .git ] || "$VENV/bin/dvc" config --local core.no_scm true
    digest "$PY" >"$STAMP"
}

main

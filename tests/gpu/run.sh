#!/usr/bin/env bash
# Measure and check seplace on a GPU in at most ten minutes, and leave the figures in one folder:
#
#     tests/gpu/run.sh [--cpu] [--wheels FOLDER] [--data FOLDER] [--seconds N] [OUT]
#
# OUT is $OUT by default, or else gpu-figures in the current folder. --cpu runs a small form on the processor, as does a
# machine without a GPU; the figures say so. --wheels names a folder of wheels of the packages that the Python here lacks:
# nothing is downloaded. --data names a folder with CIFAR-10's binary archive; without it images are generated.
# PYTHON names the Python with torch, python3 by default.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=${PYTHON:-python3}
wheels=""
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        --wheels) wheels=$2; shift 2 ;;
        *) arguments+=("$1"); shift ;;
    esac
done
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
export PYTHONDONTWRITEBYTECODE=1
if [ -n "$wheels" ]; then
    environment=$(mktemp -d)
    trap 'rm -rf "$environment"' EXIT
    "$python" -m venv "$environment" || exit 3
    # What is there already, also where it is an environment itself, comes after what is installed.
    "$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), sep="\n")' \
        >"$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/beside.pth" || exit 3
    python=$environment/bin/python
    shopt -s nullglob
    for wheel in "$wheels"/*.whl; do  # each alone: one that fits no Python here keeps no other from it
        "$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps "$wheel" || echo "left out: $wheel"
    done
fi
"$python" -m tests.gpu "${arguments[@]+"${arguments[@]}"}"

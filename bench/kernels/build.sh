#!/bin/sh
# Builds every kernel beside its source. The modules are checked in, so nobody who
# runs the bench needs this; it wants `pip install ziglang==0.17.0`.
set -eu
cd "$(dirname "$0")"
for source in *.c; do
    case $source in
        simd-*) features=generic+bulk_memory+simd128 ;;
        *) features=generic+bulk_memory ;;
    esac
    ${PYTHON:-python3} -m ziglang cc -target wasm32-freestanding -mcpu=$features \
        -std=c11 -O2 -Wall -Wextra -Werror -nostdlib \
        -Wl,--no-entry -Wl,--strip-debug -Wl,-z,stack-size=65536 \
        "$source" -o "${source%.c}.wasm"
    chmod 644 "${source%.c}.wasm"
done

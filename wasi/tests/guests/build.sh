#!/bin/sh
# Builds the programs named, or all, from their sources. README.md says what this needs.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cp -r ../../wit/deps worlds.wit "$work"
[ $# -gt 0 ] || set -- $(basename -s .c -- *.c)
for name; do
  wit-bindgen c --world "$name" --out-dir "$work/$name" "$work" 2>"$work/log" ||
    { cat "$work/log" >&2; exit 1; }
  ${ZIG:-zig} cc -target wasm32-wasi -mexec-model=reactor -Os -s -Wall -Wextra -Werror -Wno-unused-function -I "$work/$name" \
    "$name.c" "$work/$name/$name.c" "$work/$name/${name}_component_type.o" -o "$work/$name.core.wasm"
  wasm-tools component new "$work/$name.core.wasm" -o "$work/$name.full.wasm"
  wasm-tools strip --all "$work/$name.full.wasm" -o "$name.wasm"
  echo "$name.wasm: $(wc -c <"$name.wasm") bytes"
done

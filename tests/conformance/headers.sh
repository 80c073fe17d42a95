#!/bin/sh
# Every public header compiles alone, as C11 and as C++17, with each compiler that is there.
set -eu

include=$1
shift # the rest: flags for libraries that the headers need
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
checked=0

compile() { # COMPILER STANDARD FILE FLAGS...
    compiler=$1 standard=$2 file=$3
    shift 3
    command -v "$compiler" >/dev/null 2>&1 || return 0
    checked=$((checked + 1))
    if ! "$compiler" -std="$standard" -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
        -I"$include" "$@" "$file"; then
        echo "$file: not clean with $compiler as $standard" >&2
        failed=1
    fi
}

for path in "$include"/hotgate/*.h; do
    header=$(basename "$path")
    printf '#include <hotgate/%s>\ntypedef int nothing_else;\n' "$header" >"$work/$header.c"
    cp "$work/$header.c" "$work/$header.cc"
    for compiler in gcc clang; do
        compile $compiler c11 "$work/$header.c" "$@"
    done
    for compiler in g++ clang++; do
        compile $compiler c++17 "$work/$header.cc" "$@"
    done
done

if [ "$checked" -eq 0 ]; then
    echo "no compiler was found" >&2
    exit 1
fi
exit $failed

#!/bin/sh
# The template and every shipped plugin build and pass their tests from an installed tree that was
# moved, with nothing of the sources but their own folder.
set -eu

build=$1 source=$2
shift 2 # the rest: names of plugins
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

DESTDIR=$work/staged meson install -C "$build" --no-rebuild --quiet >"$work/install.log" 2>&1 || {
    cat "$work/install.log" >&2
    exit 1
}
package=$(find "$work/staged" -name hotgate-plugin.pc)
prefix=$(PKG_CONFIG_PATH=$(dirname "$package") pkg-config --variable=prefix hotgate-plugin)
prefix=$(cd "$prefix" && pwd -P)
mv "$prefix" "$work/moved"
PKG_CONFIG_PATH=$(dirname "$(find "$work/moved" -name hotgate-plugin.pc)")
export PKG_CONFIG_PATH

try() { # FOLDER NAME
    cp -R "$1" "$work/$2"
    if ! { meson setup "$work/$2/build" "$work/$2" -Dwerror=true &&
        ninja -C "$work/$2/build" &&
        meson test -C "$work/$2/build" &&
        DESTDIR=$work/installed meson install -C "$work/$2/build"; } >"$work/$2.log" 2>&1; then
        echo "$2: does not build out of the tree" >&2
        cat "$work/$2.log" >&2
        exit 1
    fi
    if [ -z "$(find "$work/installed" -path "*/hotgate/plugins/$2.so")" ]; then
        echo "$2: is not installed where plugins are" >&2
        exit 1
    fi
}

try "$source/sdk/template" template
for name in "$@"; do
    try "$source/plugins/$name" "$name"
done

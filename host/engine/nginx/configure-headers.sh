#!/bin/bash
# Makes ngx_auto_config.h and ngx_auto_headers.h, which Debian's nginx-dev leaves out, by running
# nginx's own configure with the flags of the packaged binary.
# usage: configure-headers.sh NGINX_SOURCE OUTPUT_DIRECTORY
set -eu

source_directory=$1
output_directory=$(cd "$2" && pwd)
builddir=$(mktemp -d)
trap 'rm -rf "$builddir"' EXIT

# Sets NGX_CONF_FLAGS.
. "$source_directory/conf_flags"
cd "$source_directory"
if ! ./configure "${NGX_CONF_FLAGS[@]}" --builddir="$builddir" >"$builddir/log" 2>&1; then
    tail -n 20 "$builddir/log" >&2
    exit 1
fi
cp "$builddir/ngx_auto_config.h" "$builddir/ngx_auto_headers.h" "$output_directory"

#!/bin/sh
# No file includes what its layer must not see: sdk <- host/core <- host/engine/*, host/control,
# host/runner <- host/cli; plugins see the SDK alone; an outside library enters by one directory.
set -eu

root=$1
cd "$root"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# FILE<tab>INCLUDED, for every include line of the given directories.
includes() {
    for directory in "$@"; do
        if [ -d "$directory" ]; then
            find "$directory" -type f \( -name '*.c' -o -name '*.h' \)
        fi
    done | sort | xargs -r awk '
        sub(/^[[:space:]]*#[[:space:]]*include[[:space:]]*/, "") && match($0, /^[<"][^>"]*[>"]/) {
            print FILENAME "\t" substr($0, 1, RLENGTH)
        }'
}

# refuse WHY PATTERN-OF-INCLUDED DIRECTORY...: no file below may include what matches.
refuse() {
    why=$1 pattern=$2
    shift 2
    includes "$@" | grep -E "	$pattern" >"$work/found" || return 0
    echo "$why:" >&2
    cat "$work/found" >&2
    failed=1
}

# only WHY PATTERN-OF-INCLUDED PATTERN-OF-FILES: files elsewhere must not include it.
only() {
    why=$1 pattern=$2 allowed=$3
    includes sdk host plugins tests | grep -E "	$pattern" | grep -Ev "^($allowed)" \
        >"$work/found" || return 0
    echo "$why:" >&2
    cat "$work/found" >&2
    failed=1
}

refuse 'the SDK sees nothing of the host' '["<](host|tests|plugins)/' sdk
refuse 'the SDK includes its own headers as <hotgate/...>' '"' sdk
refuse 'host/core sees the SDK and itself' '"(host/(engine|control|cli|runner)|tests|plugins)/' \
    host/core
for sibling in engine/nginx engine/loopback control runner; do
    others=$(for other in engine/nginx engine/loopback control runner; do
        [ "$other" = "$sibling" ] || printf '%s|' "$other"
    done)
    refuse "siblings of host/$sibling are none of its business" \
        "\"(host/(${others}cli)|tests|plugins)/" "host/$sibling"
done
refuse 'host/cli is no test' '"(tests|plugins)/' host/cli
refuse 'private headers are included by their path from the root' '"[^/"]*"' host

# A plugin and its test: the SDK, the C library, jansson, cmocka, and nothing by path. Signatures are
# verified with libcrypto, which the loader allows to plugins.
refuse 'plugins see the SDK alone' '"' plugins sdk/template tests/plugins
includes plugins sdk/template tests/plugins |
    grep -Ev '	<(hotgate/|jansson\.h|cmocka\.h|[a-z0-9_]+\.h>|sys/[a-z0-9_]+\.h>|arpa/inet\.h|netinet/in\.h|openssl/[a-z0-9_]+\.h)' \
        >"$work/found" || true
if [ -s "$work/found" ]; then
    echo 'plugins see the SDK, the C library, jansson and libcrypto:' >&2
    cat "$work/found" >&2
    failed=1
fi
refuse 'plugins see no library of the host' \
    '<(dlfcn|link|microhttpd|sqlite3|pcre2|idn2|yaml|libelf|gelf|curl)' plugins sdk/template

refuse 'libcrypto is for plugins that verify signatures' '<openssl/' sdk tests/plugins
includes plugins | grep '<openssl/' | grep -Ev '^plugins/(hmac|jwt)-auth/' >"$work/found" || true
if [ -s "$work/found" ]; then
    echo 'libcrypto is for plugins that verify signatures:' >&2
    cat "$work/found" >&2
    failed=1
fi
only 'dlopen() is called in one file' '<dlfcn\.h>' 'host/core/plugin_object\.c|tests/'
only 'libmicrohttpd enters by host/control' '<microhttpd\.h>' 'host/control/|tests/'
only 'SQLite enters by host/control' '<sqlite3\.h>' 'host/control/|tests/'
only 'nginx enters by host/engine/nginx' '[<"]ngx_' 'host/engine/nginx/|tests/'

exit $failed

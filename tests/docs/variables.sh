#!/bin/sh
# docs/variables.md and the engines know the same names.
set -eu

root=$1
page=$root/docs/variables.md
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What the page's tables of names list, those of the access log left out.
# shellcheck disable=SC2016 # the quotes are the page's
sed '/^## In the access log/,$d' "$page" | sed -n '/^| Name | Value |$/,/^$/s/^| \(`[^|]*\) |.*/\1/p' |
    grep -o '`[a-zA-Z0-9_.]*`' | tr -d '`' | sort -u >"$work/listed"
# What the testkit's engine and the core answer; families end with NAME or PATH on the page.
{
    sed -n 's/^    {"\([a-z0-9_]*\)", get_.*/\1/p' "$root/host/engine/loopback/variable.c"
    sed -n 's/.*{HG_TEXT("\([a-z_]*_\)"), &.*/\1NAME/p' "$root/host/engine/loopback/variable.c"
    sed -n 's/.*HG_TEXT("\([a-z_]*_\)")).*/\1NAME/p
        s/.*{NAME("\([a-z_]*\)"), .*/\1/p' "$root/host/core/request_variable.c"
    sed -n 's/.*hg_text_equal(name, HG_TEXT("\([a-z_]*\)")).*/\1/p
        s/^#define [A-Z]*_PREFIX "\([a-z_]*_\)"$/\1NAME/p
        s/^#define [A-Z]*_PREFIX "\([a-z_]*\.\)"$/\1PATH/p' "$root/host/core/request_body.c"
} | sort -u >"$work/known"

if [ ! -s "$work/known" ]; then
    echo "no names were found in the sources" >&2
    exit 1
fi
if ! diff "$work/listed" "$work/known" >"$work/difference"; then
    echo "docs/variables.md (<) and the sources (>) differ:" >&2
    cat "$work/difference" >&2
    failed=1
fi
exit $failed

#!/bin/sh
# The scripts are what their shells take, and shellcheck warns of nothing in them.
set -eu

root=$1
skipped=77 # what meson takes for "skipped"

cd "$root"
if ! command -v shellcheck >/dev/null; then
    echo "shellcheck is not there"
    exit $skipped
fi
find .ci scripts host sdk plugins tests -type f | sort | while read -r file; do
    case $(head -c 64 "$file" | head -n 1 | tr -d '\0') in
    '#!'*sh) echo "$file" ;;
    esac
done | xargs shellcheck --external-sources --source-path=SCRIPTDIR --severity=warning

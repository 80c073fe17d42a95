#!/bin/sh
# Every plugin that comes with the gateway has a page, and the page shows it at work: a configuration
# that is put, a request, and what comes back. That it does so is tried by run-page.
set -eu

root=$1
shift # the rest: names of plugins
failed=0
listed=$(mktemp)
trap 'rm -f "$listed"' EXIT

complain()
{
    echo "$*" >&2
    failed=1
}

for name in "$@"; do
    page=$root/plugins/$name/README.md
    echo "$name" >>"$listed"
    if [ ! -f "$page" ]; then
        complain "$name: there is no $page"
        continue
    fi
    grep -q "^# $name\$" "$page" || complain "$page: its title is not the plugin's name"
    grep -q '^```json put=' "$page" || complain "$page: puts no configuration"
    awk '/^```sh run/ { inside = 1; next } /^```$/ { inside = 0 } inside && /^curl / { found = 1 }
        END { exit !found }' "$page" || complain "$page: sends no request"
    grep -q '^```text output' "$page" || complain "$page: does not show what comes back"
done
for folder in "$root"/plugins/*/; do
    name=$(basename "$folder")
    grep -q -x -e "$name" "$listed" || complain "$folder: is no plugin of plugins/meson.build"
done
exit $failed

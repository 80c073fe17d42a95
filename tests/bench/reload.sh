#!/bin/sh
# tests/bench/reload.sh - how long a reload takes until every worker runs the new generation, by how
# many routes there are, each with the plugin that is exchanged, and by how many plugins are loaded.
#
# usage: tests/bench/reload.sh [RELOADS [ROUTES [PLUGINS]]]
# ROUTES and PLUGINS are lists of numbers, such as "1 1000". "report" is the duration_ms of the
# report, "client" what the client has waited for it: it comes when all workers have switched.
set -eu

reloads=${1:-100}
route_counts=${2-1 1000 100000}
plugin_counts=${3-1 100 500}
workers=4

. "$(dirname "$0")/lib.sh"

# quantile PART: of the numbers on standard input, one a line
quantile() {
    sort -n | awk -v part="$1" '{v[NR] = $1} END {i = int((NR - 1) * part) + 1; print v[i]}'
}

# reload_once: appends the client's and the report's milliseconds
reload_once() {
    curl -s -o "$work/answer" -w '%{time_total}\n' -X PUT -H "X-API-KEY: $key" \
        "http://127.0.0.1:$admin_port/apisix/admin/plugins/reload" |
        awk '{print $1 * 1000}' >>"$work/client"
    grep -q '"result": *"committed"' "$work/answer" || die "a reload was refused: $(cat "$work/answer")"
    sed -n 's/.*"duration_ms": *\([0-9]*\).*/\1/p' "$work/answer" >>"$work/report"
}

# row ROUTES PLUGINS: reloads with two versions in turn, and prints what they took
row() {
    : >"$work/client"
    : >"$work/report"
    i=0
    while [ $i -lt "$reloads" ]; do
        turn=$((1 - turn))
        cp "$work/version$turn.so" "$work/instance/plugins/noop-000.so"
        reload_once
        i=$((i + 1))
    done
    printf '%8d %8d %10.0f %10.0f %10.1f %10.1f %10.1f\n' "$1" "$2" \
        "$(quantile 0.5 <"$work/report")" "$(quantile 0.99 <"$work/report")" \
        "$(quantile 0.5 <"$work/client")" "$(quantile 0.99 <"$work/client")" \
        "$(quantile 1 <"$work/client")"
}

# version NUMBER: an object of noop-000
version() {
    cc -std=c11 -O2 -shared -fPIC -fvisibility=hidden -Wl,-Bsymbolic -Wl,-z,now \
        -DNAME='"noop-000"' -DVERSION="$1" -I"$root/sdk/include" "$root/tests/bench/noop.c" \
        -o "$work/version$1.so"
}

# more_plugins FROM TO: the same object under other names of the same length
more_plugins() {
    i=$1
    while [ "$i" -lt "$2" ]; do
        name=$(printf 'noop-%03d' "$i")
        sed "s/noop-000/$name/g" "$work/version0.so" >"$work/instance/plugins/$name.so"
        i=$((i + 1))
    done
}

begin
version 0
version 1
start_upstream

turn=0
cp "$work/version0.so" "$work/instance/plugins/noop-000.so"
start_gateway $workers
echo "$reloads reloads each, $workers workers; milliseconds"
printf '%8s %8s %10s %10s %10s %10s %10s\n' routes plugins report p99 client p99 worst
have=0
for count in $route_counts; do
    routes_load $have "$count" '\"noop-000\":{}'
    have=$count
    row "$count" 1
done

kill -TERM "$gateway_pid"
wait "$gateway_pid" || true
rm -rf "$work/instance/state" "$work/instance/staging"
start_gateway $workers
routes_load 0 1 '\"noop-000\":{}'
have=1
for count in $plugin_counts; do
    more_plugins $have "$count"
    if [ "$count" -gt $have ]; then
        : >"$work/report"
        reload_once
        echo "$((count - have)) new plugins at once: $(cat "$work/report") ms"
        have=$count
    fi
    row 1 "$count"
done

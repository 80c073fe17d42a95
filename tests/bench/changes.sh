#!/bin/sh
# tests/bench/changes.sh - how long a change takes until every worker runs it, under load, and what
# a worker's memory grows by with routes and plugins.
#
# usage: tests/bench/changes.sh [RELOADS [WRITES [ROUTES]]]
# A reload's answer comes when every worker runs the new generation; a write's when the next request
# on any worker sees it: the time of the request is the time to effect.
set -eu

reloads=${1:-500}
writes=${2:-500}
routes=${3:-10000}
workers=4

. "$(dirname "$0")/lib.sh"

# summary NAME: median and worst of the seconds on standard input, in milliseconds
summary() {
    sort -n | awk -v name="$1" '{v[NR] = $1 * 1000}
        END {printf "%-28s median %8.2f ms   worst %8.2f ms   of %d\n", name, v[int((NR + 1) / 2)], v[NR], NR}'
}

# timed METHOD PATH [BODY]: appends the seconds it took
timed() {
    curl -sf -o "$work/answer" -w '%{time_total}\n' -X "$1" -H "X-API-KEY: $key" ${3:+-d "$3"} \
        "http://127.0.0.1:$admin_port/apisix/admin/$2" >>"$work/times" ||
        die "$1 $2 was refused: $(admin GET plugins/status)"
}

version() {
    cc -std=c11 -O2 -shared -fPIC -fvisibility=hidden -Wl,-Bsymbolic -Wl,-z,now -DNAME='"noop0"' \
        -DVERSION="$1" -I"$root/sdk/include" "$root/tests/bench/noop.c" -o "$work/version$1.so"
}

begin
make_noop 1
version 1
version 2
start_upstream
start_gateway $workers
admin PUT routes/load "$(noop_route /load 1)" >/dev/null
wrk -t1 -c16 -d3600s "http://127.0.0.1:$gateway_port/load" >"$work/wrk" &
pids="$! $pids"
load_pid=$!

: >"$work/times"
i=0
while [ $i -lt "$reloads" ]; do
    cp "$work/version$((i % 2 + 1)).so" "$work/instance/plugins/noop0.so"
    timed PUT plugins/reload
    i=$((i + 1))
done
summary "reload, $workers workers" <"$work/times"

: >"$work/times"
i=0
while [ $i -lt "$writes" ]; do
    timed PUT routes/changing "$(noop_route "/changing/$i" 1)"
    i=$((i + 1))
done
summary "write of a route" <"$work/times"

kill -INT $load_pid
wait $load_pid || true
if grep -q 'Socket errors\|Non-2xx' "$work/wrk"; then
    die "failed requests: $(cat "$work/wrk")"
fi

before=$(private_kib)
i=0
while [ $i -lt "$routes" ]; do
    [ $i -eq 0 ] || echo "next"
    echo "url = \"http://127.0.0.1:$admin_port/apisix/admin/routes/r$i\""
    echo "request = PUT"
    echo "header = \"X-API-KEY: $key\""
    echo "data = \"{\\\"uri\\\":\\\"/r/$i\\\",\\\"upstream\\\":{\\\"nodes\\\":{\\\"127.0.0.1:$upstream_port\\\":1}}}\""
    echo "output = \"$work/answer\""
    echo "silent"
    echo "fail"
    i=$((i + 1))
done >"$work/writes"
curl -sf -K "$work/writes"
after=$(private_kib)
echo "memory of a worker: $before KiB; with $routes more routes $after KiB:" \
    "$(awk "BEGIN {printf \"%.0f\", ($after - $before) * 1024 / $routes}") bytes a route"

make_noop 100
before=$after
admin PUT plugins/reload >/dev/null
after=$(private_kib)
echo "with 99 more plugins $after KiB:" \
    "$(awk "BEGIN {printf \"%.1f\", ($after - $before) / 99}") KiB a plugin"

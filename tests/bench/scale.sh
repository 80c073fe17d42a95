#!/bin/sh
# tests/bench/scale.sh - what many routes cost: a write, memory, a start, a new worker.
#
# usage: tests/bench/scale.sh [MANY [FEW [WRITES]]]
# A write's answer comes when the next request on any worker sees it. A worker is new when it
# answers requests that its killed predecessor would have answered.
set -eu

many=${1:-100000}
few=${2:-1000}
writes=${3:-500}
workers=2

. "$(dirname "$0")/lib.sh"

# write_ms: median milliseconds of writes of one route, each with another path
write_ms() {
    i=0
    : >"$work/times"
    while [ $i -lt "$writes" ]; do
        curl -sf -o "$work/answer" -w '%{time_total}\n' -X PUT -H "X-API-KEY: $key" \
            -d "{\"uri\":\"/changing/$i\",\"upstream\":{\"nodes\":{\"127.0.0.1:$upstream_port\":1}}}" \
            "http://127.0.0.1:$admin_port/apisix/admin/routes/changing" >>"$work/times"
        i=$((i + 1))
    done
    median <"$work/times" | awk '{printf "%.3f", $1 * 1000}'
}

now_ms() {
    date +%s%3N
}

route_answers() {
    curl -sf -o "$work/answer" "http://127.0.0.1:$gateway_port/r/$1"
}

begin
start_upstream
start_gateway $workers
routes_load 0 "$few"
wait_for route_answers 0
before=$(private_kib)
write_few=$(write_ms)
began=$(now_ms)
routes_load "$few" "$many"
echo "$((many - few)) routes written in $(($(now_ms) - began)) ms"
wait_for route_answers $((many - 1))
after=$(private_kib)
write_many=$(write_ms)
echo "write of a route: $write_few ms with $few routes, $write_many ms with $many, ratio" \
    "$(awk "BEGIN {printf \"%.2f\", $write_many / $write_few}")"
echo "memory of a worker: $(awk "BEGIN {printf \"%.0f\", ($after - $before) * 1024 / ($many - $few)}")" \
    "bytes a route ($before KiB with $few, $after KiB with $many)"

kill -TERM "$gateway_pid"
wait "$gateway_pid" || true
began=$(now_ms)
"$hotgate" run -p "$work/instance" >"$work/gateway.log" 2>&1 &
gateway_pid=$!
pids="$gateway_pid $pids"
wait_for route_answers $((many - 1))
data_ms=$(($(now_ms) - began))
wait_for admin GET plugins/status
echo "start with $many routes: $data_ms ms until requests are answered," \
    "$(($(now_ms) - began)) ms until the Admin API is"

kill -TERM "$gateway_pid"
wait "$gateway_pid" || true
rm -rf "$work/instance/state/feed"
began=$(now_ms)
"$hotgate" run -p "$work/instance" >"$work/gateway.log" 2>&1 &
gateway_pid=$!
pids="$gateway_pid $pids"
wait_for route_answers $((many - 1))
echo "start from the store alone: $(($(now_ms) - began)) ms until requests are answered"

# All workers at once: nothing but a new one can answer.
for pid in $(children "$(cat "$work/instance/run/nginx.pid")"); do
    kill -KILL "$pid"
done
began=$(now_ms)
wait_for route_answers $((many - 1))
echo "new workers: $(($(now_ms) - began)) ms until one of them answers"

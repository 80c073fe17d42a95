#!/bin/sh
# tests/bench/traffic.sh - what traffic notices of 50 changes a second, with many routes.
#
# usage: tests/bench/traffic.sh [ROUNDS [SECONDS [ROUTES]]]
# Rounds with and without changes alternate, so that what else the machine does hits both alike.
# One connection, so that processors are left for control and for who changes: where all are busy, it
# is their scheduler that is measured. bench_router says what applying a change takes of a worker.
# It takes about ROUNDS * SECONDS * 2, and the time to write the routes.
set -eu

rounds=${1:-10}
seconds=${2:-5}
routes=${3:-10000}
changes=50 # a second
workers=1

. "$(dirname "$0")/lib.sh"

# p99_ms: of a round; what wrk prints has its unit behind it
p99_ms() {
    wrk -t1 -c1 -d"${seconds}s" --latency "http://127.0.0.1:$gateway_port/load" >"$work/wrk"
    if grep -q 'Socket errors\|Non-2xx' "$work/wrk"; then
        die "failed requests: $(cat "$work/wrk")"
    fi
    awk '$1 == "99%" {
        value = $2 + 0
        print $2 ~ /us$/ ? value / 1000 : $2 ~ /ms$/ ? value : value * 1000
    }' "$work/wrk"
}

# changes_start: replaces routes one after the other, for longer than a round takes
changes_start() {
    i=0
    while [ $i -lt $((changes * (seconds + 5))) ]; do
        [ $i -eq 0 ] || echo next
        cat <<END
url = "http://127.0.0.1:$admin_port/apisix/admin/routes/r$((i % routes))"
request = PUT
header = "X-API-KEY: $key"
data = "{\"uri\":\"/r/$i\",\"upstream\":{\"nodes\":{\"127.0.0.1:$upstream_port\":1}}}"
output = "$work/answer"
silent
fail
END
        i=$((i + 1))
    done >"$work/changes"
    curl --rate "$changes/s" -K "$work/changes" &
    changes_pid=$!
    pids="$changes_pid $pids"
}

changes_stop() {
    kill -TERM "$changes_pid" 2>/dev/null || die "the changes ended before their round"
    wait "$changes_pid" 2>/dev/null || true
}

begin
start_upstream
start_gateway $workers
admin PUT routes/load "{\"uri\":\"/load\",\"upstream\":{\"nodes\":{\"127.0.0.1:$upstream_port\":1}}}" \
    >/dev/null
routes_load 0 "$routes"
p99_ms >/dev/null # the first one warms up

i=0
while [ "$i" -lt "$rounds" ]; do
    without=$(p99_ms)
    changes_start
    with=$(p99_ms)
    changes_stop
    echo "$without $with" >>"$work/rounds"
    i=$((i + 1))
done
echo "p99 with $routes routes, medians of $rounds rounds of $seconds s:" \
    "$(awk '{print $1}' "$work/rounds" | median) ms without changes," \
    "$(awk '{print $2}' "$work/rounds" | median) ms with $changes a second;" \
    "ratio within a round $(awk '{print $2 / $1}' "$work/rounds" | median)"

#!/bin/sh
# tests/bench/runner.sh - what it costs to have a plugin in another process: the same object in the
# gateway, isolated by it, and in a runner of external plugins, beside a bare echo on a Unix socket.
#
# usage: tests/bench/runner.sh [ROUNDS [SECONDS]]
# One worker, one runner; the plugin answers each request itself, so that no upstream is in the
# figures. Each round loads all in turn, for each number of concurrent requests; the ratios and
# differences are of one round, their medians are printed. BUILD names another build directory.
set -eu

rounds=${1:-7}
seconds=${2:-3}
concurrencies='1 16 128'
contenders='echo inside isolated runner' # inside: in the worker itself

. "$(dirname "$0")/lib.sh"

# load_echo CONCURRENCY: "round-trips-per-second microseconds processor-microseconds"
load_echo() {
    "$build/tests/bench/bench_echo" "$1" "$seconds"
}

# load_route PATH CONCURRENCY: "requests-per-second microseconds processor-microseconds", from wrk and
# of the worker and both runners
load_route() {
    before=$(processor_ticks $processes)
    wrk -t1 -c"$2" -d"${seconds}s" --latency "http://127.0.0.1:$gateway_port/$1" >"$work/wrk"
    after=$(processor_ticks $processes)
    if grep -q 'Socket errors\|Non-2xx' "$work/wrk"; then
        die "failed requests: $(cat "$work/wrk")"
    fi
    awk -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" '
        $1 == "50%" {
            value = $2 + 0
            time = $2 ~ /us$/ ? value : $2 ~ /ms$/ ? value * 1000 : value * 1000000
        }
        /requests in/ {count = $1}
        /Requests\/sec/ {print $2, time, ticks * 1000000 / hz / count}' "$work/wrk"
}

load() {
    if [ "$1" = echo ]; then load_echo "$2"; else load_route "$1" "$2"; fi
}

is_judged() {
    [ "$(curl -s "http://127.0.0.1:$gateway_port/$1")" = judged ]
}

start_runner() {
    "$hotgate" runner --plugins "$work/instance/plugins" --listen "unix:$work/runner.sock" \
        >"$work/runner.log" 2>&1 &
    runner_pid=$!
    pids="$runner_pid $pids"
    wait_for test -S "$work/runner.sock"
}

put_routes() {
    admin PUT routes/inside '{"uri": "/inside", "plugins": {"judge": {}}}' >/dev/null
    admin PUT routes/isolated \
        '{"uri": "/isolated", "plugins": {"judge": {"_meta": {"isolate": true}}}}' >/dev/null
    admin PUT routes/runner '{"uri": "/runner", "plugins": {"ext-plugin-pre-req": {
        "conf": [{"name": "judge", "value": "{}"}]}}}' >/dev/null
}

# column CONCURRENCY EXPRESSION: the median of it over the rounds
column() {
    awk "{print $2}" "$work/rounds-$1" | median
}

begin
make_plugin judge judge.c
start_runner
start_upstream
start_gateway 1 "ext-plugin: {path_for_test: $work/runner.sock}"
put_routes
for path in inside isolated runner; do
    wait_for is_judged $path
done
processes="$(children "$(cat "$work/instance/run/nginx.pid")") $runner_pid
    $(pgrep -P "$gateway_pid" -f 'runner --manifest')"
i=0
while [ $i -lt "$rounds" ]; do
    for concurrency in $concurrencies; do
        line=
        for contender in $contenders; do
            line="$line $(load "$contender" "$concurrency")"
        done
        echo "$line" >>"$work/rounds-$concurrency"
    done
    i=$((i + 1))
done
echo "rounds of $seconds s: $rounds (medians; ratios and differences within a round)"
printf '%-10s %-9s %9s %9s %9s %10s %10s %10s\n' concurrent where calls/s of-inside of-echo \
    median/us added/us proc/us
for concurrency in $concurrencies; do
    place=1
    for contender in $contenders; do
        printf '%-10s %-9s %9.0f %9.3f %9.3f %10.0f %10.0f %10.1f\n' "$concurrency" "$contender" \
            "$(column "$concurrency" "\$$place")" "$(column "$concurrency" "\$$place / \$4")" \
            "$(column "$concurrency" "\$$place / \$1")" "$(column "$concurrency" "\$$((place + 1))")" \
            "$(column "$concurrency" "\$$((place + 1)) - \$5")" \
            "$(column "$concurrency" "\$$((place + 2))")"
        place=$((place + 3))
    done
done

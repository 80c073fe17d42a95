#!/bin/sh
# tests/bench/against-nginx.sh - a route with ten no-op plugins, and one without, against bare nginx.
#
# usage: tests/bench/against-nginx.sh [ROUNDS [SECONDS]]
# Each round loads all three in turn with the same upstream; the ratios are of one round, their
# median is printed. Processor time is that of the worker. BUILD names another build directory.
set -eu

rounds=${1:-11}
seconds=${2:-3}

. "$(dirname "$0")/lib.sh"

# measure PORT PATH PID: "requests-per-second microseconds-of-processor-per-request"
measure() {
    before=$(processor_ticks "$3")
    wrk -t1 -c16 -d"${seconds}s" "http://127.0.0.1:$1$2" >"$work/wrk"
    after=$(processor_ticks "$3")
    if grep -q 'Socket errors\|Non-2xx' "$work/wrk"; then
        die "failed requests: $(cat "$work/wrk")"
    fi
    awk -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" \
        '/requests in/ {n = $1} /Requests\/sec/ {print $2, ticks * 1000000 / hz / n}' "$work/wrk"
}

begin
make_noop 10
start_upstream
start_nginx
start_gateway 1
admin PUT routes/10 "$(noop_route /ten 10)" >/dev/null
admin PUT routes/0 "$(noop_route /none 0)" >/dev/null
gateway_worker=$(children "$(cat "$work/instance/run/nginx.pid")")
nginx_worker=$(children "$nginx_pid")
i=0
while [ $i -lt "$rounds" ]; do
    echo "$(measure $gateway_port /ten $gateway_worker)" \
        "$(measure $gateway_port /none $gateway_worker)" \
        "$(measure $nginx_port /ten $nginx_worker)" >>"$work/rounds"
    i=$((i + 1))
done
ratio() {
    awk "{print $1 / $2}" "$work/rounds" | median
}
echo "rounds of $seconds s: $rounds (medians of the ratios to bare nginx within a round)"
printf '%-24s %22s %26s\n' '' 'requests per second' 'processor time a request'
printf '%-24s %22.3f %26.3f\n' 'ten no-op plugins' "$(ratio '$1' '$5')" "$(ratio '$2' '$6')"
printf '%-24s %22.3f %26.3f\n' 'no plugin' "$(ratio '$3' '$5')" "$(ratio '$4' '$6')"

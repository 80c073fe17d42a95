#!/bin/sh
# tests/bench/calls.sh - what a call of a plugin's to another server costs: forward-auth against
# nginx's own auth_request, with the same upstream and the same server that is asked.
#
# usage: tests/bench/calls.sh [ROUNDS [SECONDS]]
# Each round loads both in turn; the ratios are of one round, their median is printed. Processor time
# is that of the worker. BUILD names another build directory.
set -eu

rounds=${1:-11}
seconds=${2:-3}

. "$(dirname "$0")/lib.sh"

begin
start_upstream
start_nginx
start_gateway 1
admin PUT routes/asked "{\"uri\":\"/asked\",\"plugins\":{\"forward-auth\":{\"uri\":
    \"http://127.0.0.1:$upstream_port/judge\"}},
    \"upstream\":{\"nodes\":{\"127.0.0.1:$upstream_port\":1}}}" >/dev/null
gateway_worker=$(children "$(cat "$work/instance/run/nginx.pid")" | xargs)
nginx_worker=$(children "$nginx_pid" | xargs)
i=0
while [ $i -lt "$rounds" ]; do
    echo "$(processor_load $nginx_port /asked "$nginx_worker" "$seconds")" \
        "$(processor_load $gateway_port /asked "$gateway_worker" "$seconds")" >>"$work/rounds"
    i=$((i + 1))
done
column() {
    awk "{print $1}" "$work/rounds" | median
}
echo "rounds of $seconds s: $rounds (medians)"
echo "auth_request: $(column '$1') requests a second, $(column '$2') us of processor a request"
echo "forward-auth: $(column '$3') requests a second, $(column '$4') us of processor a request"
echo "ratio within a round: $(column '$3 / $1') requests a second, $(column '$4 / $2') processor time"

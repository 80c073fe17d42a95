#!/bin/sh
# tests/bench/against-nginx.sh - routes with plugins, and one without, against bare nginx.
#
# usage: tests/bench/against-nginx.sh [ROUNDS [SECONDS [FILE...]]]
# Ten plugins that do nothing, none, and those in files as twelve.json and limits.json beside this
# script. Each round loads all in turn with the same upstream; the ratios are of one round, their
# median is printed. Processor time is that of the worker. BUILD names another build directory.
set -eu

rounds=${1:-11}
seconds=${2:-3}
[ $# -lt 2 ] || shift
[ $# -lt 1 ] || shift

. "$(dirname "$0")/lib.sh"

begin
make_noop 10
make_plugin counts counts.c
start_upstream
start_nginx
start_gateway 1
put_consumer
admin PUT routes/ten "$(noop_route /ten 10)" >/dev/null
admin PUT routes/none "$(noop_route /none 0)" >/dev/null
paths='/ten /none'
for file in "$@"; do
    name=$(basename "$file" .json)
    admin PUT "routes/$name" "$(file_route "/$name" "$file")" >/dev/null
    paths="$paths /$name"
done
gateway_worker=$(children "$(cat "$work/instance/run/nginx.pid")" | xargs)
nginx_worker=$(children "$nginx_pid" | xargs)
i=0
while [ $i -lt "$rounds" ]; do
    line=$(processor_load $nginx_port /ten "$nginx_worker" "$seconds")
    for path in $paths; do
        line="$line $(processor_load $gateway_port "$path" "$gateway_worker" "$seconds")"
    done
    echo "$line" >>"$work/rounds"
    i=$((i + 1))
done
ratio() {
    awk "{print $1 / $2}" "$work/rounds" | median
}
echo "rounds of $seconds s: $rounds (medians of the ratios to bare nginx within a round)"
printf '%-24s %22s %26s\n' '' 'requests per second' 'processor time a request'
column=3
for path in $paths; do
    printf '%-24s %22.3f %26.3f\n' "${path#/}" "$(ratio "\$$column" '$1')" \
        "$(ratio "\$$((column + 1))" '$2')"
    column=$((column + 2))
done

#!/bin/sh
# tests/bench/instructions.sh - user instructions a request, counted by callgrind: repeatable,
# whatever else the machine is doing.
#
# usage: tests/bench/instructions.sh [PLUGINS|FILE...]    (default: 0 1 5 10 20)
# A number is that many plugins that do nothing; a file holds the "plugins" of a route, as twelve.json
# and limits.json beside this script do.
# The difference between two runs of different length is what a request costs.
set -eu

counts=${*:-0 1 5 10 20}
few=300
many=1300

. "$(dirname "$0")/lib.sh"

command -v valgrind >/dev/null || die "valgrind is not installed"
begin
mkdir -m 777 "$work/callgrind"
cat >"$work/counted-nginx" <<EOF
#!/bin/sh
case "\$*" in *-V*) exec /usr/sbin/nginx "\$@" ;; esac
exec valgrind -q --tool=callgrind --callgrind-out-file=$work/callgrind/%p /usr/sbin/nginx "\$@"
EOF
chmod 755 "$work/counted-nginx"
NGINX=$work/counted-nginx

# The largest count of any process: the worker's.
worker_instructions() {
    awk '/^summary:/ {if ($2 > most) most = $2} END {print most}' "$work"/callgrind/*
    rm -f "$work"/callgrind/*
}

# requests PORT PATH COUNT, over one connection
requests() {
    seq "$3" | sed "s|.*|url = http://127.0.0.1:$1$2|" >"$work/urls"
    curl -s -H "apikey: $consumer_key" -K "$work/urls" >/dev/null
}

# stop PID: gracefully, so that callgrind writes its counts
stop() {
    kill -QUIT "$1"
    wait "$1" || true
}

# route PLUGINS|FILE
route() {
    if [ -f "$1" ]; then
        file_route /plugins "$1"
    else
        noop_route /plugins "$1"
    fi
}

gateway_run() {
    start_gateway 1
    put_consumer
    admin PUT routes/1 "$(route "$1")" >/dev/null
    requests $gateway_port /plugins "$2"
    stop "$gateway_pid"
    worker_instructions
}

nginx_run() {
    start_nginx
    requests $nginx_port /plugins "$1"
    stop "$nginx_pid"
    worker_instructions
}

make_plugin counts counts.c
make_noop "$(printf '%s\n' 0 $counts | grep -x '[0-9]*' | sort -n | tail -n 1)"
saved=$NGINX
NGINX=
start_upstream
NGINX=$saved
base=$(nginx_run $few)
bare=$((($(nginx_run $many) - base) / (many - few)))
echo "bare nginx: $bare instructions a request"
for count in $counts; do
    base=$(gateway_run "$count" $few)
    cost=$((($(gateway_run "$count" $many) - base) / (many - few)))
    echo "$count plugins: $cost instructions a request, $((cost - bare)) more, ratio" \
        "$(awk "BEGIN {printf \"%.3f\", $cost / $bare}")"
done

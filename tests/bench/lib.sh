# tests/bench/lib.sh - what the benchmarks share: a gateway, bare nginx and an upstream to measure.
# Sourced by the programs beside it, which set -eu.

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$root/build}
hotgate=$build/host/cli/hotgate
key=0123456789abcdef0123456789abcdef
first_port=${FIRST_PORT:-21080} # two runs at a time need another one each
gateway_port=$first_port
nginx_port=$((first_port + 2))
admin_port=$((first_port + 100))
upstream_port=$((first_port + 900))
work=
pids=

die() {
    echo "$0: $*" >&2
    exit 1
}

# Ends everything that was started, by its process id.
finish() {
    for pid in $pids; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in $pids; do
        wait "$pid" 2>/dev/null || true
    done
    [ -z "$work" ] || rm -rf "$work"
}

begin() {
    [ -x "$hotgate" ] || die "no $hotgate: build first, or set BUILD"
    for tool in nginx curl wrk cc; do
        command -v "$tool" >/dev/null || [ -x /usr/sbin/"$tool" ] || die "$tool is not installed"
    done
    work=$(mktemp -d /tmp/hotgate-bench-XXXXXX)
    chmod 755 "$work"
    mkdir -p "$work/instance/conf" "$work/instance/plugins" "$work/nginx" "$work/upstream"
    trap finish EXIT
    trap 'exit 130' INT TERM
}

# wait_for COMMAND...: until it succeeds, for at most 10 seconds.
wait_for() {
    deadline=$(($(date +%s) + 10))
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt $deadline ] || die "gave up waiting for: $*"
        sleep 0.05
    done
}

answers() {
    curl -s -o /dev/null "http://127.0.0.1:$1/"
}

temporary_paths() {
    for kind in client_body proxy fastcgi uwsgi scgi; do
        echo "${kind}_temp_path $1/$kind;"
    done
}

start_upstream() {
    cat >"$work/upstream/nginx.conf" <<EOF
daemon off; worker_processes 1; pid $work/upstream/pid; error_log $work/upstream/error.log;
events { worker_connections 4096; }
http {
    access_log off; keepalive_requests 1000000000; $(temporary_paths "$work/upstream")
    server { listen 127.0.0.1:$upstream_port; location / { return 200 "0123456789abcdef\n"; } }
}
EOF
    /usr/sbin/nginx -p "$work/upstream/" -c "$work/upstream/nginx.conf" -e "$work/upstream/error.log" &
    pids="$! $pids"
    wait_for answers $upstream_port
}

# Bare nginx with the connections, buffers, headers and logs that the gateway has too.
start_nginx() {
    cat >"$work/nginx/nginx.conf" <<EOF
daemon off; worker_processes 1; pid $work/nginx/pid; error_log $work/nginx/error.log warn;
events { worker_connections 10620; }
http {
    access_log off; keepalive_requests 1000000000; keepalive_timeout 60s;
    client_max_body_size 0; underscores_in_headers on; $(temporary_paths "$work/nginx")
    real_ip_header X-Real-IP; set_real_ip_from 127.0.0.1; set_real_ip_from unix:;
    upstream backend {
        server 127.0.0.1:$upstream_port;
        keepalive 320; keepalive_requests 1000000000;
    }
    server {
        listen 127.0.0.1:$nginx_port;
        proxy_http_version 1.1;
        proxy_set_header Connection '';
        proxy_set_header Host \$http_host;
        proxy_set_header X-Real-IP \$remote_addr;
        proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto \$scheme;
        proxy_set_header X-Forwarded-Host \$http_host;
        proxy_set_header X-Forwarded-Port \$server_port;
        location / {
            proxy_pass http://backend;
        }
        location /asked {
            auth_request /judge;
            proxy_pass http://backend;
        }
        location = /judge {
            internal;
            proxy_pass http://backend/judge;
            proxy_pass_request_headers off;
            proxy_pass_request_body off;
            proxy_set_header Connection '';
            proxy_set_header X-Forwarded-Proto \$scheme;
            proxy_set_header X-Forwarded-Method \$request_method;
            proxy_set_header X-Forwarded-Host \$host;
            proxy_set_header X-Forwarded-Uri \$request_uri;
            proxy_set_header X-Forwarded-For \$remote_addr;
        }
    }
}
EOF
    ${NGINX:-/usr/sbin/nginx} -p "$work/nginx/" -c "$work/nginx/nginx.conf" -e "$work/nginx/error.log" &
    nginx_pid=$!
    pids="$nginx_pid $pids"
    wait_for answers $nginx_port
}

# start_gateway WORKERS [SETTINGS]: with further top level lines of its configuration
start_gateway() {
    cat >"$work/instance/conf/config.yaml" <<EOF
apisix:
  node_listen: [{ip: 127.0.0.1, port: $gateway_port}]
  enable_control: false
  ssl: {enable: false}
deployment:
  admin:
    admin_listen: {ip: 127.0.0.1, port: $admin_port}
    admin_key: [{name: admin, key: $key, role: admin}]
hotgate:
  nginx: ${NGINX:-/usr/sbin/nginx}
nginx_config:
  worker_processes: $1
  http:
    enable_access_log: false
    keepalive_requests: 1000000000
    upstream: {keepalive_requests: 1000000000}
${2:-}
EOF
    "$hotgate" run -p "$work/instance" >"$work/gateway.log" 2>&1 &
    gateway_pid=$!
    pids="$gateway_pid $pids"
    wait_for admin GET plugins/status
    wait_for answers $gateway_port
    kill -0 $gateway_pid 2>/dev/null || die "the gateway has ended: $(tail -1 "$work/gateway.log")"
}

# admin METHOD PATH [BODY]
admin() {
    curl -sf -X "$1" -H "X-API-KEY: $key" ${3:+-d "$3"} "http://127.0.0.1:$admin_port/apisix/admin/$2"
}

# processor_load PORT PATH PID SECONDS: "requests-per-second microseconds-of-processor-per-request" of
# the process, from wrk.
processor_load() {
    before=$(processor_ticks "$3")
    wrk -t1 -c16 -d"${4}s" -H "apikey: $consumer_key" "http://127.0.0.1:$1$2" >"$work/wrk"
    after=$(processor_ticks "$3")
    if grep -q 'Socket errors\|Non-2xx' "$work/wrk"; then
        die "failed requests: $(cat "$work/wrk")"
    fi
    awk -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" \
        '/requests in/ {n = $1} /Requests\/sec/ {print $2, ticks * 1000000 / hz / n}' "$work/wrk"
}

# routes_load FROM TO [PLUGINS]: puts routes r/FROM ... r/TO-1, several at a time. PLUGINS are members
# of their "plugins", with a backslash before each quote.
routes_load() {
    plugins=
    [ -z "${3:-}" ] || plugins="\\\"plugins\\\":{$3},"
    i=$1
    while [ "$i" -lt "$2" ]; do
        [ "$i" -eq "$1" ] || echo next
        echo "url = \"http://127.0.0.1:$admin_port/apisix/admin/routes/r$i\""
        echo "data = \"{\\\"uri\\\":\\\"/r/$i\\\",$plugins\\\"upstream\\\":{\\\"nodes\\\":{\\\"127.0.0.1:$upstream_port\\\":1}}}\""
        echo "request = PUT"
        echo "header = \"X-API-KEY: $key\""
        echo "output = \"$work/answer\""
        echo silent
        echo fail
        i=$((i + 1))
    done >"$work/load"
    curl --no-progress-meter --parallel --parallel-max 16 -K "$work/load"
}

# make_plugin NAME SOURCE: an object in the plugins directory.
make_plugin() {
    cc -std=c11 -O2 -shared -fPIC -fvisibility=hidden -Wl,-Bsymbolic -Wl,-z,now \
        -DNAME="\"$1\"" -I"$root/sdk/include" "$root/tests/bench/$2" \
        -o "$work/instance/plugins/$1.so"
}

# make_noop COUNT: objects noop0, noop1, ... in the plugins directory.
make_noop() {
    i=0
    while [ $i -lt "$1" ]; do
        make_plugin "noop$i" noop.c
        i=$((i + 1))
    done
}

# Every request has the key of this consumer.
consumer_key=bench
put_consumer() {
    admin PUT consumers/bench \
        "{\"username\":\"bench\",\"plugins\":{\"key-auth\":{\"key\":\"$consumer_key\"}}}" >/dev/null
}

# noop_route URI COUNT: JSON of a route with that many no-op plugins.
noop_route() {
    plugins=
    i=0
    while [ $i -lt "$2" ]; do
        plugins="$plugins${plugins:+,}\"noop$i\":{}"
        i=$((i + 1))
    done
    echo "{\"uri\":\"$1\",\"plugins\":{$plugins},\"upstream\":{\"nodes\":{\"127.0.0.1:$upstream_port\":1}}}"
}

# file_route URI FILE: JSON of a route whose plugins stand in a file.
file_route() {
    printf '{"uri": "%s", "plugins": %s, "upstream": {"nodes": {"127.0.0.1:%s": 1}}}' \
        "$1" "$(cat "$2")" "$upstream_port"
}

# children PID: the processes that it has started.
children() {
    cat /proc/"$1"/task/*/children
}

# processor_ticks PID...: user and system time so far, in clock ticks.
processor_ticks() {
    total=0
    for pid in "$@"; do
        ticks=$(awk '{print $14 + $15}' /proc/"$pid"/stat)
        total=$((total + ticks))
    done
    echo $total
}

# median: of the numbers on standard input, one a line.
median() {
    sort -n | awk '{v[NR] = $1} END {print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'
}

# private_kib: memory of their own that the workers have, in KiB each
private_kib() {
    for pid in $(children "$(cat "$work/instance/run/nginx.pid")"); do
        awk '/^Private_/ {n += $2} END {print n}' "/proc/$pid/smaps_rollup"
    done | median
}

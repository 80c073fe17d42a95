#!/bin/sh
# tests/interop/python-runner.sh - an unmodified Python runner of APISIX under hotgate. Run by hand,
# where its source is; no test needs it.
#
# usage: tests/interop/python-runner.sh SOURCE_DIR PROTOCOL_DIR
#   SOURCE_DIR    a checkout of apisix-python-plugin-runner (0.2.0), with bin/py-runner
#   PROTOCOL_DIR  a checkout of ext-plugin-proto, with python/A6
# Debian's python3, python3-flatbuffers, python3-click and python3-yaml have to be installed: they are
# newer than those the runner asks for, and do. Both folders have to be readable for the user that runs
# the runner (hotgate-worker, if root runs this). What else it needs, a module `minicache`, is made
# here. The gateway starts the runner by ext-plugin.cmd; its two plugins, `rewrite` and `stop`, are
# called in both phases, with all that they ask; then it is killed, and comes back. BUILD names another
# build directory than build/, FIRST_PORT other ports than from 21480 on.
set -eu

usage() {
    sed -n 's/^# usage: /usage: /p' "$0" >&2
    exit 2
}

[ $# -eq 2 ] || usage
source_dir=$(cd "$1" && pwd)
protocol_dir=$(cd "$2" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
hotgate=${BUILD:-$root/build}/host/cli/hotgate
python=/usr/bin/python3 # Debian's packages are seen by Debian's interpreter alone
key=0123456789abcdef0123456789abcdef
port=${FIRST_PORT:-21480}
admin_port=$((port + 1))
upstream_port=$((port + 2))
pids=
work=

die() {
    echo "$0: $*" >&2
    if [ -n "$work" ]; then
        tail -n 20 "$work/instance/logs/control.log" "$work/instance/logs/error.log" >&2 || true
    fi
    exit 1
}

finish() {
    for pid in $pids; do
        kill -TERM "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    [ -z "$work" ] || rm -rf "$work"
}

check() {
    [ -x "$hotgate" ] || die "no $hotgate: build first, or set BUILD"
    [ -f "$source_dir/bin/py-runner" ] || die "no bin/py-runner in $source_dir"
    [ -d "$protocol_dir/python/A6" ] || die "no python/A6 in $protocol_dir"
    for module in flatbuffers click yaml; do
        "$python" -c "import $module" || die "$python has no module $module (python3-$module)"
    done
}

# wait_for COMMAND...: until it succeeds, for at most 20 seconds.
wait_for() {
    deadline=$(($(date +%s) + 20))
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt $deadline ] || die "gave up waiting for: $*"
        sleep 0.1
    done
}

# What the runner keeps its tokens and configurations in.
make_minicache() {
    cat >"$work/modules/minicache.py" <<'EOF'
class Cache:
    def __init__(self):
        self.values = {}

    def get(self, key, default=None):
        return self.values.get(key, default)

    def update(self, key, value):
        self.values[key] = value

    def has(self, key):
        return key in self.values


cache = Cache()
EOF
}

# An upstream that says what it got: the request line, and its headers.
start_upstream() {
    cat >"$work/upstream.py" <<'EOF'
import http.server
import sys


class Echo(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", "0")))
        body = ("%s %s\n%s" % (self.command, self.path, self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

    do_GET = do_POST = answer


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
EOF
    "$python" "$work/upstream.py" "$upstream_port" &
    pids="$! $pids"
    wait_for curl -s "http://127.0.0.1:$upstream_port/"
}

start_gateway() {
    cat >"$work/instance/conf/config.yaml" <<EOF
apisix:
  node_listen: [{ip: 127.0.0.1, port: $port}]
  enable_control: false
  ssl: {enable: false}
deployment:
  admin:
    admin_listen: {ip: 127.0.0.1, port: $admin_port}
    admin_key: [{name: admin, key: $key, role: admin}]
nginx_config:
  worker_processes: 1
  envs: ["PYTHONPATH=$source_dir:$protocol_dir/python:$work/modules"]
ext-plugin:
  cmd: [$python, $source_dir/bin/py-runner, start]
EOF
    "$hotgate" run -p "$work/instance" >"$work/gateway.log" 2>&1 &
    pids="$! $pids"
    wait_for admin GET plugins/status
    wait_for test -S "$work/instance/run/ext-plugin/runner.sock"
}

# admin METHOD PATH [BODY]
admin() {
    curl -sf -X "$1" -H "X-API-KEY: $key" ${3:+-d "$3"} "http://127.0.0.1:$admin_port/apisix/admin/$2"
}

# put_route NAME PLUGIN RUNNERS_PLUGIN
put_route() {
    admin PUT "routes/$1" "{\"uri\": \"/$1\", \"plugins\": {\"$2\": {
        \"conf\": [{\"name\": \"$3\", \"value\": \"{\\\"body\\\": \\\"x\\\"}\"}]}},
        \"upstream\": {\"nodes\": {\"127.0.0.1:$upstream_port\": 1}}}" >/dev/null ||
        die "the route $1 is refused"
}

# expect TEXT PATH [CURL_OPTION...]: in the response, its headers among it
expect() {
    text=$1
    path=$2
    shift 2
    got=$(curl -si "$@" "http://127.0.0.1:$port$path" | tr -d '\r')
    case $got in
    *"$text"*) echo "ok: $path: $text" ;;
    *) die "$path: wanted \"$text\", got: $got" ;;
    esac
}

runner_pid() {
    pgrep -f "^$python $source_dir/bin/py-runner start"
}

# Every route does what the runner's plugins are there for.
use_it() {
    for phase in pre post; do
        expect '/a6/python/runner?a=1&a6_runner=Python' "/rewrite-$phase?a=1" -d abc
        expect 'X-Resp-A6-Runner: Python' "/rewrite-$phase?a=1" -d abc
        expect 'HTTP/1.1 201 ' "/stop-$phase"
        expect 'Hello, Python Runner of APISIX' "/stop-$phase"
    done
}

is_stopped() {
    curl -s "http://127.0.0.1:$port/stop-pre" | grep -q 'Hello, Python'
}

check
work=$(mktemp -d /tmp/hotgate-interop-XXXXXX)
chmod 755 "$work"
mkdir -p "$work/instance/conf" "$work/modules"
trap finish EXIT
trap 'exit 130' INT TERM
make_minicache
start_upstream
start_gateway
for phase in pre post; do
    put_route rewrite-$phase ext-plugin-$phase-req rewrite
    put_route stop-$phase ext-plugin-$phase-req stop
done
use_it
kill -KILL "$(runner_pid)"
wait_for is_stopped
use_it
echo "the runner does what it does under APISIX"

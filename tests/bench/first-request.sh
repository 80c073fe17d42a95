#!/bin/sh
# tests/bench/first-request.sh - what a change costs the first request after it: the chain of a route
# with plugins that do nothing, and of one with plugins of every day (twelve.json). And what a filter
# costs, and to find one consumer of many.
#
# usage: tests/bench/first-request.sh [PLUGINS]    (default: 20)
# BUILD names another build directory.
set -eu

count=${1:-20}

. "$(dirname "$0")/lib.sh"

begin
make_noop "$count"
"$build/tests/bench/bench_request" "$work"/instance/plugins/noop*.so
python3 - "$build" "$root/tests/bench/twelve.json" <<'END'
import json
import os
import sys

build, file = sys.argv[1:]
with open(file) as text:
    plugins = json.load(text)
program = build + "/tests/bench/bench_request"
os.execv(program, [program] + ["%s/plugins/%s.so:%s" % (build, name, json.dumps(value))
                               for name, value in plugins.items()])
END

# shellcheck shell=bash
# scripts/suits-root.sh - where root can run a gateway; read by the other scripts.

# As root the gateway runs as two users of its own, and takes plugins only from directories that
# nobody but root can change: all of the way must be root's, and open to pass.
suits_root()
{
    local at=$1 owner mode

    while :; do
        read -r owner mode <<<"$(stat -c '%u %a' "$at")"
        if [ "$owner" -ne 0 ] || [ $((8#$mode & 8#1)) -eq 0 ]; then
            return 1
        fi
        if [ $((8#$mode & 8#22)) -ne 0 ] && [ $((8#$mode & 8#1000)) -eq 0 ]; then
            return 1
        fi
        [ "$at" != / ] || return 0
        at=$(dirname -- "$at")
    done
}

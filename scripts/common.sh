# SPDX-License-Identifier: GPL-2.0-or-later
#
# What every script of the build shares: where things are, how progress and
# errors look, and how a cache entry is published.  Sourced, never run.

set -eu
export LC_ALL=C.UTF-8

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${NVTD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nested-vtd}
OUT=${NVTD_OUT:-$TOP/build}
JOBS=${JOBS:-$(nproc)}
# The base: the QEMU series that the overlay and bases/SERIES are laid over.
SERIES=${BASE:-10.0}
QEMU_ROOT=$OUT/qemu
[ "$SERIES" = 10.0 ] || QEMU_ROOT=$OUT/qemu-$SERIES

# One compiler cache for all checkouts; a path below a checkout is not part of
# what is cached, and a header just generated is no reason not to cache.
export CCACHE_DIR=$CACHE/ccache CCACHE_MAXSIZE=5G CCACHE_NOHASHDIR=1
export CCACHE_BASEDIR=$OUT
export CCACHE_SLOPPINESS=time_macros,include_file_mtime,include_file_ctime

say()  { printf '%s %s\n' "$(date +%H:%M:%S)" "$*" >&2; }
die()  { printf 'error: %s\n' "$*" >&2; exit 1; }

# What was built and where, into the environment; what is there already stays.
import_where() {
    local name value
    while IFS='=' read -r name value; do
        [ -n "${!name-}" ] || export "$name=$value"
    done < <("$TOP/scripts/where")
}

# A name for a set of inputs: the first 12 digits of the SHA-256 of stdin.
key()  { sha256sum | cut -c1-12; }

# A cache entry is a directory with a "complete" file, written last.
cache_ready() { [ -e "$1/complete" ]; }

cache_publish() { date -u +%FT%TZ >"$1/complete"; }

# Two checkouts may share the cache: only one of them builds an entry, and the
# other asks cache_ready again.  The lock is held on a descriptor until this
# shell exits.  Under it an entry that is not complete is the rest of a build
# that died, and is removed.
cache_lock() {  # the entry's name
    mkdir -p "$CACHE"
    exec {cache_lock_fd}>"$CACHE/$1.lock"
    if ! flock -n "$cache_lock_fd"; then
        say "cache: waiting for another build of $1"
        flock "$cache_lock_fd"
    fi
    if [ -e "$CACHE/$1" ] && ! cache_ready "$CACHE/$1"; then
        say "cache: $CACHE/$1 is incomplete, starting over"
        rm -rf "${CACHE:?}/$1"
    fi
}

# use_last FILE WHAT: reads the archive's indexes.  With it out of reach, the cache
# entry that FILE names, what was fetched last, will do: prints it, and ends.
use_last() {
    local dest
    ! "$TOP/scripts/apt-private" update >&2 || return 0
    dest=$(cat "$1" 2>/dev/null) && cache_ready "$dest" ||
        die "the archive is out of reach and no $2 is cached in $CACHE"
    say "the archive is out of reach: using the $2 fetched last"
    echo "$dest"
    exit 0
}

# run_logged LOG WHAT COMMAND...: keeps the output in LOG, prints a line of
# progress every ten seconds, and the end of the log if the command fails.
run_logged() {
    local log=$1 what=$2 start=$SECONDS next=10 pid
    shift 2
    say "$what ..."
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.5
        if [ $((SECONDS - start)) -ge "$next" ]; then
            say "  $((SECONDS - start)) s: $(tail -n 1 "$log" | cut -c1-100)"
            next=$((next + 10))
        fi
    done
    if ! wait "$pid"; then
        tail -n 30 "$log" >&2
        die "$what failed after $((SECONDS - start)) s; the whole log is $log"
    fi
    say "$what: done in $((SECONDS - start)) s"
}

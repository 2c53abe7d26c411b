# Brings a Debian 12 to readiness; sourced by ./run and ./test. Needs bash and coreutils, nothing else beforehand.
# Safe to interrupt and to repeat: what is done is known by stamps that are written last.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv="$root/.venv"
log="$root/build/setup.log"
steps=4

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# What the environment was built from: the lock, this folder (scripts carry its path) and nothing else.
lock_stamp() { { cat "$root/requirements.lock"; printf '%s' "$venv"; } | sha256sum | cut -d' ' -f1; }
project_stamp() { cat "$root/setup.cfg" "$root/pyproject.toml" "$root/setup.py" "$root/kiosk/erasing.c" | sha256sum | cut -d' ' -f1; }
stands() { [ -f "$venv/$1" ] && [ "$(cat "$venv/$1")" = "$2" ]; }

missing_packages() {
    command -v dpkg-query >/dev/null || return 0
    local wanted installed
    wanted=$(sed 's/#.*//' "$root/packages.txt" | tr -s ' \t' '\n' | sed '/^$/d' | sort -u)
    # shellcheck disable=SC2086
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | sed -n 's/^installed //p' | sort -u)
    comm -23 <(printf '%s\n' "$wanted") <(printf '%s\n' "$installed") | tr '\n' ' '
}

# Runs one long step quietly, with a line that shows that it lives; on failure shows the end of the log.
# $1 number, $2 what, $3 a pattern whose matches in the log are counted, $4 how many there will be (0: unknown), then the command.
step() {
    local number=$1 what=$2 counted=$3 total=$4 began=$SECONDS shown=0 done_now note pid status=0
    shift 4
    say "[$number/$steps] $what"
    : >"$log"
    set -m # a process group of its own, so that Ctrl-C ends all of it
    "$@" >>"$log" 2>&1 </dev/null &
    pid=$!
    set +m
    # shellcheck disable=SC2064
    trap "kill -- -$pid 2>/dev/null; exit 130" INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.5
        note=""
        if [ "$total" -gt 0 ]; then
            done_now=$(grep -c "$counted" "$log" || true)
            note=", $done_now of $total fetched"
            [ "$done_now" -lt "$total" ] || note=", all fetched, installing"
        fi
        if [ -t 2 ]; then
            printf '\r      %d s%s   ' $((SECONDS - began)) "$note" >&2
        elif [ $((SECONDS - began)) -ge $((shown + 10)) ]; then
            shown=$((SECONDS - began))
            say "      $shown s$note"
        fi
    done
    wait "$pid" || status=$?
    trap - INT TERM
    [ -t 2 ] && printf '\r\033[K' >&2
    if [ "$status" -ne 0 ]; then
        tail -n 20 "$log" >&2
        fail "Step $number ($what) failed; the whole output is in build/setup.log. Mend the cause and start again."
    fi
    say "      done in $((SECONDS - began)) s"
}

install_packages() {
    local become=() options=(-y --no-install-recommends -o DPkg::Lock::Timeout=120)
    [ "$(id -u)" -eq 0 ] || become=(sudo -n)
    become+=(env DEBIAN_FRONTEND=noninteractive)
    "${become[@]}" dpkg --configure -a || true # an interrupted run may have left packages half configured
    "${become[@]}" apt-get install "${options[@]}" "$@" && return
    "${become[@]}" apt-get update && "${become[@]}" apt-get install "${options[@]}" "$@"
}

find_python() {
    local candidate
    for candidate in ${TONGBAN_PYTHON:-} python3.11 /usr/bin/python3.11 python3 /usr/bin/python3 python3.13 python3.12; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "No Python 3.11 or later with its venv module was found: install python3.11 and python3-venv, then start again."
}

pip_install() {
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off "$@"
}

# One dependency comes only as source: the pinned setuptools goes in first and builds it without a download.
install_locked() {
    sed -n '/^setuptools==/,/[^\\]$/p' "$root/requirements.lock" >"$root/build/setuptools.lock"
    pip_install --require-hashes --no-deps -r "$root/build/setuptools.lock"
    pip_install --require-hashes --no-deps --no-build-isolation --use-pep517 -r "$root/requirements.lock"
}

set_up() {
    local lock project missing python began=$SECONDS
    lock=$(lock_stamp)
    project=$(project_stamp)
    missing=$(missing_packages)
    if [ -z "$missing" ] && stands .lock-stamp "$lock" && stands .project-stamp "$project" && [ -x "$venv/bin/python" ]; then
        say "ready"
        return
    fi
    if [ -n "$missing" ] && [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
        fail "Install these Debian packages, then start again: sudo apt-get install --no-install-recommends $missing"
    fi
    mkdir -p "$root/build"
    # Two set-ups at once would take each other's environment apart.
    exec 9>"$root/build/setup.lock"
    flock -w 1800 9 || fail "Another set-up has been running for half an hour: end it, then start again."
    if [ -n "$missing" ]; then
        # shellcheck disable=SC2086
        step 1 "Debian packages: $missing" "^Setting up" 0 install_packages $missing
    fi
    if ! stands .lock-stamp "$lock" || ! [ -x "$venv/bin/python" ]; then
        python=$(find_python)
        step 2 "Python environment (.venv)" "" 0 "$python" -m venv --clear "$venv"
        step 3 "Python packages, pinned by requirements.lock" "^Collecting\|^  *Building wheel\|^Installing" \
            "$(grep -c '==' "$root/requirements.lock")" install_locked
        printf '%s' "$lock" >"$venv/.lock-stamp"
    fi
    TONGBAN_DISTRIBUTION=all step 4 "this project, with hub, emulators and demo" "" 0 pip_install --no-deps --no-build-isolation --editable "$root"
    printf '%s' "$project" >"$venv/.project-stamp"
    exec 9>&-
    say "ready after $((SECONDS - began)) s"
}

set_up

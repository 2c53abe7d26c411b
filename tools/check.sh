#!/usr/bin/env bash
# What a change must keep besides the tests: lint, format, types, import layers, house rules, generated pages.
# All of it is run; the end names what failed. `make check` and .ci/run both call this.
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"
failed=()

try() {
    local name=$1
    shift
    say "check: $name"
    "$@" || failed+=("$name")
}

try "lint" "$venv/bin/ruff" check .
try "format" "$venv/bin/ruff" format --check .
try "types" "$venv/bin/pyright"
try "import layers" "$venv/bin/lint-imports" --no-cache
try "house rules" "$venv/bin/python" tools/house_rules.py
try "generated pages" "$venv/bin/python" tools/make_docs.py --check
[ ${#failed[@]} -eq 0 ] || fail "not kept: ${failed[*]}"

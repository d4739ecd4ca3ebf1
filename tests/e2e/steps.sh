# shellcheck shell=bash
# Steps: a scenario is a list of them, in plain words. Sourced by tests/e2e/run for each scenario.

steps_failed=0

# step '[HTB-20] what is so' COMMAND...: runs it with -e in a shell of its own, and prints
#   ok     HTB-20   0.4s  walk: what is so
# A step that failed prints the last of what it said; the scenario goes on.
step() {
  local ids=${1%%] *} text=${1#*] } since=${EPOCHREALTIME/./} rc=0 outcome=ok said
  shift
  said=$(mktemp -p "$E2E_RUN")
  # In the background, for there -e works although we look at the outcome.
  (set -e; "$@") </dev/null >"$said" 2>&1 &
  wait $! || rc=$?
  [ "$rc" -eq 0 ] || outcome=failed
  ids=${ids//][/,} since=$(((${EPOCHREALTIME/./} - since) / 100000))
  printf '%-6s %-14s %3d.%ds  %s: %s\n' "$outcome" "${ids#[}" $((since / 10)) $((since % 10)) "$E2E_SCENARIO" "$text"
  { printf '\n==== %s %s: %s\n' "$outcome" "$text" "$*"; cat "$said"; } >>"$E2E_LOGS/$E2E_SCENARIO/steps"
  if [ "$rc" -ne 0 ]; then
    steps_failed=$((steps_failed + 1))
    tail -n 12 "$said" | sed 's/^/         | /'
  fi
  rm -f "$said"
  return "$rc"
}

# need: a step without which the rest makes no sense.
need() { step "$@" || exit 1; }

# eventually SECONDS COMMAND...: until it succeeds. What it said last is told when it did not.
eventually() {
  local until=$((${EPOCHREALTIME/./} + $1 * 1000000)) said
  shift
  until said=$("$@" 2>&1); do
    [ "${EPOCHREALTIME/./}" -lt "$until" ] || { printf '%s\nstill not so: %s\n' "$said" "$*" >&2; return 1; }
    sleep 0.1
  done
}

# refused COMMAND...: it has to fail.
refused() { if "$@"; then echo "that should have been refused: $*" >&2; return 1; fi; }

# is EXPECTED COMMAND...: what it prints.
is() {
  local expected=$1 got
  shift
  got=$("$@") || { echo "failed: $*" >&2; return 1; }
  [ "$got" = "$expected" ] || { printf 'expected %s, got %s from: %s\n' "$expected" "$got" "$*" >&2; return 1; }
}

# contains TEXT COMMAND...: what it prints has TEXT in it, whatever its exit code.
contains() {
  local text=$1 got
  shift
  got=$("$@" 2>&1) || true
  [[ $got == *"$text"* ]] || { printf 'expected "%s" in what this prints: %s\n%s\n' "$text" "$*" "$got" >&2; return 1; }
}

#!/usr/bin/env bash
# Installs what is missing, builds, runs the tests, and prints the test runner's summary.
#   tests/run.sh [--label fast|sim|e2e|slow]... [--asan | --tsan]
# Without --label: every test. The last line is `N passed, N failed`; the exit status is 0 only if something ran and
# nothing failed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../deploy/lib.sh"

usage() {
  sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

preset=release
labels=()
while [ $# -gt 0 ]; do
  case $1 in
    --label)
      [ $# -ge 2 ] || { usage >&2; exit 2; }
      case $2 in
        fast | sim | e2e | slow) labels+=("$2") ;;
        *) echo "error: --label $2: known are fast, sim, e2e, slow" >&2; exit 2 ;;
      esac
      shift
      ;;
    --asan) preset=asan ;;
    --tsan) preset=tsan ;;
    --help) usage; exit 0 ;;
    *) echo "error: unknown argument $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

install_packages
build "$preset" all

build_dir=$repository/build/$preset
# The sanitizers' reports must fail a test, and name lines.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}

passed=0
failed=0
# run_tests NAME JOBS CTEST-ARGUMENT...: runs a part of the tests and adds up what ctest says about it.
run_tests() {
  local name=$1 jobs=$2 output summary
  shift 2
  if ctest --test-dir "$build_dir" -N "$@" | grep -q '^Total Tests: 0$'; then
    return
  fi
  step "tests: $name"
  output=$build_dir/ctest-output.txt
  ctest --test-dir "$build_dir" --output-on-failure -j "$jobs" "$@" 2>&1 |
    tee "$output" || true
  # "97% tests passed, 1 tests failed out of 33"
  summary=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+$' "$output" || true)
  if [ -n "$summary" ]; then
    local failed_here total_here
    failed_here=$(awk '{ print $4 }' <<<"$summary")
    total_here=$(awk '{ print $NF }' <<<"$summary")
    failed=$((failed + failed_here))
    passed=$((passed + total_here - failed_here))
  else
    echo "error: ctest ended without a summary" >&2
    failed=$((failed + 1))
  fi
}

# chosen LABEL: whether tests of this label were asked for.
chosen() {
  [ ${#labels[@]} -eq 0 ] || [[ " ${labels[*]} " == *" $1 "* ]]
}

# What needs processes, time or memory of its own runs alone; all other tests run side by side.
if [ ${#labels[@]} -eq 0 ]; then
  run_tests "fast, sim" "$(nproc)" -LE '^(e2e|slow)$'
else
  for label in fast sim; do
    ! chosen "$label" || run_tests "$label" "$(nproc)" -L "^$label\$"
  done
fi
for label in e2e slow; do
  ! chosen "$label" || run_tests "$label" 1 -L "^$label\$"
done

if [ $((passed + failed)) -eq 0 ]; then
  echo "error: no test ran" >&2
fi
echo "$passed passed, $failed failed"
[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]

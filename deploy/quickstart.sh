#!/usr/bin/env bash
# From a fresh checkout to a running cluster: installs what is missing, builds, indexes the sample corpus (Debian's package
# descriptions), starts 4 shards x 2 replicas on this machine, runs three searches, and stays up until Ctrl-C.
#   deploy/quickstart.sh [--once]      --once: ends after the searches
# Everything is kept under build/, so that a second run is short.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

once=false
for argument in "$@"; do
  case $argument in
    --once) once=true ;;
    --help) usage; exit 0 ;;
    *) echo "error: unknown argument $argument" >&2; usage >&2; exit 2 ;;
  esac
done

bin=$repository/build/release/bin
folder=$repository/build/quickstart
index=$folder/index
mkdir -p "$folder"

install_packages
build release binaries

step "sample corpus"
"$repository/deploy/sample_corpus.sh" "$folder"

step "index: 4 shards, analyzer english (in $index)"
"$bin/canopy-indexer" build --input "$folder/packages.jsonl" --output "$index" --shards 4 \
  --analyzer english >&2 || die "indexing failed"

# stop_cluster: ends what start_cluster began, and waits for it.
cluster_pid=
stop_cluster() {
  [ -n "$cluster_pid" ] || return 0
  kill -TERM "$cluster_pid" 2>/dev/null || true
  wait "$cluster_pid" 2>/dev/null || true
  cluster_pid=
}
trap stop_cluster EXIT
# Ctrl-C is how one is meant to leave; while something is still being done, it is a failure.
leave_status=130
trap 'exit $leave_status' INT TERM HUP

step "cluster: 4 leaves x 2 replicas, and a root"
ready_pipe=$folder/ready.$$
mkfifo "$ready_pipe"
# In a process group of its own: a terminal's Ctrl-C reaches only this script, which then stops the cluster in order.
set -m
"$bin/canopy" up --index "$index" --leaves 4 --replicas 2 --json >"$ready_pipe" 2>"$folder/cluster.log" &
cluster_pid=$!
set +m
# The line comes when everything is ready; the pipe's end without it says that the cluster could not start.
exec {ready_file}<"$ready_pipe"
rm -f "$ready_pipe"
if ! read -r ready_line <&"$ready_file"; then
  tail -n 20 "$folder/cluster.log" >&2
  die "the cluster did not start (its log: $folder/cluster.log)"
fi
root=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["root"])' "$ready_line")
note "ready; the root is $root, logs are in $folder/cluster.log"

for query in 'full text search engine' '+"web server" -apache' '+section:games chess'; do
  step "search: $query"
  "$bin/canopy" search --target "$root" --size 3 --timeout 10s "$query" || die "the search failed"
  echo
done

if $once; then
  step "done"
  exit 0
fi
cat <<END
The cluster is up. In another terminal:

    $bin/canopy search --target $root 'your words'
    $bin/canopy count --target $root '+kernel +module'
    $bin/canopy status --target $root

README.md goes on from here with documents of your own. Ctrl-C stops the cluster.
END
leave_status=0
wait "$cluster_pid" || die "the cluster ended by itself (its log: $folder/cluster.log)"

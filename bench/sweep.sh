#!/bin/sh
# bench/sweep.sh CORPUS.jsonl QUERIES SCRATCH [NAME] [flags of canopy bench sweep, such as --seconds 60 --repeats 3]
# Latency by the number of leaves: indexes the corpus into 16 shards, runs `canopy bench sweep` and writes table and plots
# into docs/benchmarks.md and its folder.
set -eu
[ $# -ge 3 ] || { sed -n 2,4p "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
repository=$(dirname "$here")
bin=$repository/build/release/bin
corpus=$1 queries=$2 scratch=$3
shift 3
name=$(basename "$corpus" .jsonl)
case ${1:-} in
  '' | -*) ;;
  *) name=$1; shift ;;
esac
command -v gnuplot > /dev/null || { echo "gnuplot is missing: apt-get install gnuplot-nox" >&2; exit 1; }
[ -x "$bin/canopy" ] || { echo "no release build: cmake --preset release && cmake --build --preset release" >&2; exit 1; }
commit=$(git -C "$repository" rev-parse --short=12 HEAD 2> /dev/null || echo unknown)
[ -z "$(git -C "$repository" status --porcelain --untracked-files=no 2> /dev/null)" ] || commit="$commit with changes"
mkdir -p "$scratch"
index=$scratch/sweep-index-$name
[ -e "$index/CURRENT" ] ||
  "$bin/canopy-indexer" build --input "$corpus" --output "$index" --shards 16 --analyzer ascii
output=$scratch/sweep-$name
rm -rf "$output"
"$bin/canopy" bench sweep --index "$index" --queries "$queries" --output "$output" --note "commit $commit" "$@"
python3 "$here/write_benchmarks.py" "$output/sweep.json" --name "$name"

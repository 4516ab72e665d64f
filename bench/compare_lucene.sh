#!/bin/sh
# bench/compare_lucene.sh CORPUS.jsonl QUERIES SCRATCH [NAME] [flags of compare_lucene.py]
# Measures Canopy beside Lucene and writes the table into docs/benchmarks.md.
set -eu
[ $# -ge 3 ] || { sed -n 2,3p "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
corpus=$1 queries=$2 scratch=$3
shift 3
name=$(basename "$corpus" .jsonl)
case ${1:-} in
  '' | -*) ;;
  *) name=$1; shift ;;
esac
for tool in java javac taskset c++ python3; do
  command -v "$tool" > /dev/null ||
    { echo "$tool is missing: apt-get install liblucene8-java openjdk-17-jdk-headless util-linux g++ python3" >&2; exit 1; }
done
mkdir -p "$scratch"
python3 "$here/compare_lucene.py" --corpus "$corpus" --queries "$queries" --scratch "$scratch" --name "$name" \
  --output "$scratch/$name.json" "$@"
python3 "$here/write_benchmarks.py" "$scratch/$name.json"

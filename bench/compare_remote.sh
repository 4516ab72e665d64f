#!/bin/sh
# bench/compare_remote.sh CORPUS.jsonl QUERIES SCRATCH [NAME] [flags of compare_remote.py]
# Measures a Canopy cluster beside Sphinx's and Xapian's distributed searches and writes the table into docs/benchmarks.md.
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
for tool in searchd indexer xapian-tcpsrv xapian-compact c++ python3; do
  command -v "$tool" > /dev/null || {
    echo "$tool is missing: apt-get install sphinxsearch xapian-tools libxapian-dev nlohmann-json3-dev g++ python3" >&2
    exit 1
  }
done
[ -e /usr/include/xapian.h ] || { echo "xapian.h is missing: apt-get install libxapian-dev" >&2; exit 1; }
mkdir -p "$scratch"
rm -f "$scratch/remote-$name.json"
python3 "$here/compare_remote.py" --corpus "$corpus" --queries "$queries" --scratch "$scratch" --name "$name" \
  --output "$scratch/remote-$name.json" "$@"
# With --build-only there is nothing to write.
[ ! -e "$scratch/remote-$name.json" ] || python3 "$here/write_benchmarks.py" "$scratch/remote-$name.json"

#!/usr/bin/env bash
# Makes the sample corpus: Debian's package descriptions as JSON Lines, about 60,000 documents.
#   deploy/sample_corpus.sh FOLDER
# Writes FOLDER/packages.jsonl from package lists that it fetches into FOLDER/lists, apart from the system's own (slim
# images switch the long descriptions off there). What is there already is kept. Without a network it takes the short
# descriptions that apt knows, and makes the corpus anew when it is called with one.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

if [ "${1:-}" = --help ]; then
  usage
  exit 0
elif [ $# -ne 1 ] || [[ $1 == -* ]]; then
  usage >&2
  exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)
corpus=$folder/packages.jsonl
is_short=$corpus.short  # exists: the corpus has short descriptions only
if [ -s "$corpus" ] && [ ! -e "$is_short" ]; then
  note "$corpus is there ($(wc -l <"$corpus") documents)"
  exit 0
fi

# apt with its state in our folder; nothing of the system's is written. As root, apt would fetch as the user _apt, who
# may not enter our folder.
lists=$folder/lists
mkdir -p "$lists/partial"
apt_options=(-o "Dir::State::Lists=$lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
  -o Acquire::Languages=en)
[ "$(id -u)" -ne 0 ] || apt_options+=(-o APT::Sandbox::User=root)

make_corpus() {
  python3 "$repository/deploy/sample_corpus.py" "$@" >"$corpus.partial" &&
    [ -s "$corpus.partial" ]
}

note "fetching package lists (about 16 MB) into $lists"
if apt-get -q "${apt_options[@]}" --error-on=any update >&2 && make_corpus --lists "$lists"; then
  rm -f "$is_short"
elif [ -s "$corpus" ]; then
  rm -rf "$corpus.partial" "$lists"
  note "no lists from the network, keeping $corpus (short descriptions)"
  exit 0
else
  note "no lists from the network, taking what apt knows (short descriptions)"
  apt-cache dumpavail | make_corpus --dumpavail || {
    rm -rf "$corpus.partial" "$lists"
    die "no package lists: neither can they be fetched, nor has apt any (try apt-get update)"
  }
  touch "$is_short"
fi
mv "$corpus.partial" "$corpus"
rm -rf "$lists"
note "$(wc -l <"$corpus") documents in $corpus"

#!/usr/bin/env bash
# Fetches what make_corpus.py reads, all of it from Debian's packages.
#   bench/peers/fetch_sources.sh small|large FOLDER
# small: package lists with the long descriptions, about 16 MB. large: also packages that hold much text (documentation,
# dictionaries, sources), unpacked in FOLDER/src; about 400 MB to fetch, several GB unpacked. Nothing is installed.
set -euo pipefail

if [ $# -ne 2 ] || [[ ! $1 =~ ^(small|large)$ ]]; then
  sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
size=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)

# apt's state is in our folder, apart from the system's. As root, apt would fetch as the user _apt, who may not enter it.
apt_options=(-o "Dir::State::Lists=$folder/aptlists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
  -o Acquire::Languages=en)
[ "$(id -u)" -ne 0 ] || apt_options+=(-o APT::Sandbox::User=root)
mkdir -p "$folder/aptlists/partial"
apt-get -q "${apt_options[@]}" update
[ "$size" = large ] || exit 0

mkdir -p "$folder/deb" "$folder/src/linux"
cd "$folder/deb"
apt-get -q "${apt_options[@]}" download linux-source-6.1 dict-gcide dict-foldoc dict-jargon wordnet-base perl-doc \
  python3.11-doc postgresql-doc-15 qtbase5-doc-html openjdk-17-doc libboost1.81-doc libreoffice-help-en-us \
  gimp-help-en manpages-dev openjdk-17-source emacs-common debian-policy developers-reference rust-doc \
  bible-kjv-text linux-doc-6.1
for package in *.deb; do
  dpkg-deb -x "$package" "$folder/src/${package%%_*}"
done
tar -xf "$folder/src/linux-source-6.1/usr/src/linux-source-6.1.tar.xz" -C "$folder/src/linux"

# shellcheck shell=bash
# What the scripts of this repository share: steps with progress, installing packages, building.
# Sourced by bash scripts that run with `set -euo pipefail`. No name here is that of a CANOPY_ variable of the environment.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
step_number=0

# step TEXT: says what comes next, with the time since the script began.
step() {
  step_number=$((step_number + 1))
  printf '[%d] %s (%d:%02d)\n' "$step_number" "$*" $((SECONDS / 60)) $((SECONDS % 60)) >&2
}

# note TEXT: a line that belongs to the step before.
note() {
  printf '    %s\n' "$*" >&2
}

# die TEXT: ends the script.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# The packages of deploy/packages.txt that are not installed, one a line.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null |
    awk '$1 == "ii" { print $2 }' | sort -u)
  comm -23 <(grep -v '^#' "$repository/deploy/packages.txt" | sort -u) <(printf '%s\n' "$installed")
}

# as_root COMMAND...: with sudo when this user is not root. REQUIRES: can_be_root.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# Whether as_root can work: without a terminal sudo must not ask for a password.
can_be_root() {
  [ "$(id -u)" -eq 0 ] && return 0
  command -v sudo >/dev/null 2>&1 || return 1
  [ -t 0 ] || sudo -n true 2>/dev/null
}

# Installs what is missing. Does nothing, and needs no rights, when nothing is.
install_packages() {
  if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    die "this script installs packages with apt-get, which is not on this system;" \
      "it is made for Debian 12 (the packages are listed in deploy/packages.txt)"
  fi
  local missing=()
  mapfile -t missing < <(missing_packages)
  if [ ${#missing[@]} -eq 0 ]; then
    step "packages: nothing to install"
    return
  fi
  step "packages: installing ${#missing[@]}: ${missing[*]}"
  can_be_root || die "not root, and sudo is not available here; let an administrator run:
    apt-get update && apt-get install -y --no-install-recommends ${missing[*]}
and start this script again"
  # Lists that are too old name files that are gone; a mirror that cannot be reached may still leave what is needed.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update >&2 ||
    echo "warning: apt-get update failed, going on with the lists that are here" >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install \
    "${missing[@]}" >&2 || die "apt-get could not install: ${missing[*]}"
}

# How many compilers at once: one a processor, but 1.5 GB of memory each (gRPC's headers are heavy).
build_jobs() {
  local processors memory_kb jobs
  processors=$(nproc)
  memory_kb=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
  jobs=$((memory_kb / 1500000))
  [ "$jobs" -gt "$processors" ] && jobs=$processors
  [ "$jobs" -lt 1 ] && jobs=1
  echo "$jobs"
}

# build PRESET TARGET: configures and builds in build/PRESET.
build() {
  local preset=$1 target=$2 jobs
  jobs=$(build_jobs)
  step "build: preset $preset, target $target, $jobs at a time (in build/$preset)"
  (cd "$repository" && cmake --preset "$preset" --log-level=WARNING >&2 &&
    cmake --build --preset "$preset" --target "$target" -j "$jobs" >&2) ||
    die "the build of preset $preset failed"
}

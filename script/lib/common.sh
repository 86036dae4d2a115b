# Sourced first by every script: strict mode, the root of the tree as current directory, and a few words.

set -euo pipefail
self=$(realpath "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
jobs=$(nproc 2>/dev/null || echo 2)

say() { printf '==> %s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# usage_if_asked "$@": prints the comment at the head of the script when the first argument asks for help.
usage_if_asked() {
  case ${1:-} in
    -h | --help)
      sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$self"
      exit 0
      ;;
  esac
}

# configure PRESET [CMAKE_OPTION...]: quiet unless it fails.
configure() {
  local preset=$1 log=build/$1.configure.log
  mkdir -p build
  say "configuring $preset"
  cmake --preset "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    die "could not configure $preset"
  }
}

# shellcheck source=script/lib/packages.sh
source script/lib/packages.sh

# What the scripts need, as Debian 12 names it. docs/dependencies.md says why.

packages_build=(cmake g++ gcc libc6-dev libgnutls28-dev libmbedtls-dev libssl-dev libzstd-dev make ninja-build pkg-config zlib1g-dev)
packages_test=(libevent-dev libgtest-dev openssl python3 tmux util-linux)
packages_format=(clang-format)
packages_check=(binutils clang python3)
packages_programs=(bitlbee dnsproxy fstrm-bin gearman-job-server gearman-tools libmemcached-tools links2
  lua-event lua-socket lua5.1 memcached nsd openbsd-inetd openmpi-bin openssl pgbouncer python3 redis-server redsocks
  remctl-server sslsplit tcpbench tmux trickle unbound webdis)
packages_bench=(iproute2 libbenchmark-dev libevent-dev libpcre2-8-0 python3)
packages_unpacked=(libnginx-mod-stream nginx)  # for script/bench, which must not start a web server
packages_fuzz=(clang libclang-rt-14-dev)

# need PACKAGE...: installs those that are missing. Says nothing when none is.
need() {
  local installed missing=() package log
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "not a Debian system: expecting the likes of $*"
    return
  fi
  installed=" $(dpkg-query --show --showformat '${Package}:${db:Status-Status} ' "$@" 2>/dev/null || true)"
  for package in "$@"; do
    [[ $installed == *" $package:installed "* ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  say "installing ${missing[*]}"
  log=$(mktemp)
  # A stale list is no reason to give up: the packages may be known already.
  as_root apt-get update -q >"$log" 2>&1 || true
  if ! as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "could not install ${missing[*]} (whole log: $log)"
  fi
  rm -f "$log"
}

# unpack FOLDER PACKAGE...: puts their files into a folder instead of installing them, so that no service starts.
# Without them something is left out, which is no reason to give up.
unpack() {
  local folder=$1 archives archive
  shift
  [[ ! -d $folder ]] && command -v apt-get >/dev/null || return 0
  say "unpacking $*"
  archives=$(mktemp -d)
  if (cd "$archives" && apt-get download -q "$@" >log 2>&1); then
    mkdir -p "$folder"
    for archive in "$archives"/*.deb; do dpkg-deb --extract "$archive" "$folder"; done
  else
    say "could not download $*: going on without"
  fi
  rm -rf "$archives"
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "run this as root, or install sudo"
  fi
}

#!/usr/bin/env bash
# Installs what the build (and with --test also the tests) need and the machine does not have, from the
# distribution's packages. Says what it installs; does nothing, and needs no network, when all is there.
#
# usage: scripts/install-deps.sh [--test]
#
# The redis-server package may start a Redis of its own on port 6379 where systemd runs. Nothing of ours
# uses or needs that one; on the first install it is kept from starting.
set -euo pipefail

with_tests=0
case "${1:-}" in
"") ;;
--test) with_tests=1 ;;
*)
    echo "usage: scripts/install-deps.sh [--test]" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "install-deps: this is not a Debian-like system; see README.md for what is needed" >&2
    exit 1
fi

installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()

# need COMMAND PACKAGE: the package unless the command is there from wherever
need_command() {
    command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}

need_package() {
    installed "$1" || missing+=("$1")
}

# need_library MODULE... PACKAGE...: unless pkg-config knows one of the modules, the first package of
# that the distribution has; modules and packages are separated by --
need_library() {
    local modules=() found=0
    while [ "$1" != -- ]; do
        modules+=("$1")
        shift
    done
    shift
    for module in "${modules[@]}"; do
        if pkg-config --exists "$module" 2>/dev/null; then
            found=1
        fi
    done
    if [ $found = 0 ]; then
        missing+=("$*")
    fi
}

need_command cmake cmake
need_command ninja ninja-build
need_command pkg-config pkg-config
need_command gcc gcc
need_package libc6-dev
need_library rdkafka -- librdkafka-dev
need_library hiredis -- libhiredis-dev
need_library msgpack-c msgpack -- libmsgpack-c-dev libmsgpack-dev
need_library yaml-0.1 -- libyaml-dev
need_library jansson -- libjansson-dev
need_library libxxhash -- libxxhash-dev
need_library zlib -- zlib1g-dev
need_library libpcre2-8 -- libpcre2-dev
need_command redis-server redis-server
# Named time zones of the rules are read from its files.
[ -e /usr/share/zoneinfo/Asia/Bangkok ] || missing+=(tzdata)

java_is_recent() {
    local version
    version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
    [ "${version:-0}" -ge 11 ]
}

if [ $with_tests = 1 ]; then
    need_library cmocka -- libcmocka-dev
    java_is_recent || missing+=(default-jre-headless)
    need_command mvn maven
    need_command clang clang
    need_command clang-format clang-format
    need_command clang-tidy clang-tidy
    need_command shellcheck shellcheck
    need_command python3 python3
    need_command dot graphviz
    # The sanitizers of clang.
    compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer*' >/dev/null ||
        compgen -G '/usr/lib/clang/*/lib/linux/libclang_rt.fuzzer*' >/dev/null ||
        missing+=("libclang-rt-dev libclang-rt-14-dev")
fi

if [ ${#missing[@]} = 0 ]; then
    exit 0
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install-deps: these packages are missing; install them as root: ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

export DEBIAN_FRONTEND=noninteractive
echo "install-deps: reading the package lists"
# Waits for somebody else's apt instead of failing.
"${as_root[@]}" apt-get -o DPkg::Lock::Timeout=600 -q update >/dev/null

# Of alternatives (a name changed between releases) the first that exists.
packages=()
for alternatives in "${missing[@]}"; do
    chosen=""
    for package in $alternatives; do
        if [ -z "$chosen" ] && apt-cache show "$package" >/dev/null 2>&1; then
            chosen=$package
        fi
    done
    if [ -z "$chosen" ]; then
        echo "install-deps: the distribution has no package $alternatives" >&2
        exit 1
    fi
    packages+=("$chosen")
done

# Keeps the package from starting a system-wide Redis during its first install, unless somebody has
# already said what may start here.
policy=/usr/sbin/policy-rc.d
own_policy=0
log=$(mktemp "${TMPDIR:-/tmp}/stagecoach-apt.XXXXXX")
clean_up() {
    rm -f "$log"
    if [ $own_policy = 1 ]; then
        "${as_root[@]}" rm -f $policy
    fi
}
trap clean_up EXIT
if [[ " ${packages[*]} " == *" redis-server "* ]] && [ ! -e $policy ]; then
    own_policy=1
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 755 $policy
fi

echo "install-deps: installing ${packages[*]} and what they need; this takes a minute or two"
if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=600 -q -y install --no-install-recommends "${packages[@]}" \
    >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "install-deps: apt-get could not install the packages (its last words are above)" >&2
    exit 1
fi

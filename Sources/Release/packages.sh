#!/bin/sh
# packages.sh DIRECTORY ARCHITECTURE PACKAGE... - unpacks packages of Debian for another architecture in DIRECTORY/root.
#
# From the sources of this machine's apt, but with lists of its own: as an ordinary user, and without adding an
# architecture to the machine. A PACKAGE with `*` or `[` in it stands for the newest of those that match. Nothing is run
# of what the packages bring. Their files stay in DIRECTORY/debs, for the list of parts in a release. What is there is
# not fetched again.
set -eu
[ $# -ge 3 ] || { echo "usage: packages.sh DIRECTORY ARCHITECTURE PACKAGE..." >&2; exit 2; }
mkdir -p "$(dirname "$1")"
directory=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
architecture=$2
shift 2
if [ "$(cat "$directory/packages" 2>/dev/null)" = "$*" ]; then exit 0; fi

fail() { echo "packages.sh: $*" >&2; exit 1; }
for tool in apt-get apt-cache dpkg; do
    command -v $tool >/dev/null || fail "packages for $architecture come from Debian: this needs $tool"
done
work=$(mktemp -d "$directory.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/debs" "$work/root"
: >"$work/apt/status"
apt() {
    tool=$1
    shift
    TMPDIR=$work "$tool" -qq -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" \
        -o APT::Sandbox::User= -o Dir::State="$work/apt" -o Dir::State::status="$work/apt/status" \
        -o Dir::Cache="$work/apt" -o Acquire::Languages=none "$@"
}

echo "fetching packages for $architecture: $*" >&2
apt apt-get update || fail "apt-get update does not work for $architecture"
names=
for wanted; do
    case $wanted in
    *[*[]*)
        name=$(apt apt-cache pkgnames "${wanted%%[[*]*}" | while read -r one; do
            # shellcheck disable=SC2254  # the pattern is one
            case $one in $wanted) echo "$one" ;; esac
        done | sort -V | tail -n 1)
        [ -n "$name" ] || fail "the sources of apt have no $wanted for $architecture"
        ;;
    *) name=$wanted ;;
    esac
    names="$names $name"
done
# shellcheck disable=SC2086  # names of packages
(cd "$work/debs" && apt apt-get download $names) || fail "could not download$names for $architecture"
for package in "$work"/debs/*.deb; do dpkg -x "$package" "$work/root"; done
rm -r "$work/apt"
echo "$*" >"$work/packages"
chmod 755 "$work"
rm -rf "$directory"
mv "$work" "$directory"

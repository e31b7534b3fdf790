#!/bin/bash
# SPDX-License-Identifier: MIT
# Unpacks the libraries zuse needs, for another architecture, from this Debian machine's own package
# sources into a directory, for cross builds (tests/portability.sh). Changes nothing outside the directory:
# apt runs with lists and state of its own, nothing is installed. Works as an ordinary user.
# Usage: foreign_root.sh s390x|arm64|... DIRECTORY
set -euo pipefail
arch=${1:?architecture}
mkdir -p "${2:?directory}"
root=$(cd "$2" && pwd)
work=$root/.apt
packages='libc6-dev linux-libc-dev libssl-dev libzstd-dev liblz4-dev zlib1g-dev libjansson-dev
          libblkid-dev libfuse3-dev liburing-dev libcmocka-dev'

[ -e "$root/.complete" ] && exit 0
mkdir -p "$work"/{lists/partial,archives/partial,state}
: >"$work/status"
# _apt, the user apt fetches as, could not write below somebody's home.
apt=(apt-get -q -o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o "APT::Sandbox::User="
    -o "Dir::State=$work/state" -o "Dir::State::status=$work/status" -o "Dir::State::lists=$work/lists"
    -o "Dir::Cache=$work" -o "Dir::Cache::archives=$work/archives" -o "Dir::Etc::sourcelist=$work/sources.list"
    -o "Dir::Etc::sourceparts=-" -o "APT::Install-Recommends=false" -o "Debug::NoLocking=true"
    -o "Acquire::Languages=none" -o "APT::Sandbox::Seccomp=false")
# The distribution's own suites, main only, as this machine has them.
apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
    awk '$3 == "main" && $4 == "Debian" && $2 !~ /backports/ {
             print "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] " $1 " " $2 " main" }' |
    sort -u >"$work/sources.list"
"${apt[@]}" update
# shellcheck disable=SC2086 # a list of words
"${apt[@]}" install -y --download-only $packages
for deb in "$work"/archives/*.deb; do
    dpkg-deb -x "$deb" "$root"
done
rm -rf "$work"
# As an installed system has it: one directory of libraries. Static ones would be taken where links dangle.
if [ -d "$root/lib" ] && [ ! -L "$root/lib" ]; then
    cp -a "$root/lib/." "$root/usr/lib/"
    rm -rf "${root:?}/lib"
    ln -s usr/lib "$root/lib"
fi
# Absolute links would lead out of the directory.
find "$root" -type l -lname '/*' | while read -r link; do
    ln -srfn "$root$(readlink "$link")" "$link"
done
touch "$root/.complete"

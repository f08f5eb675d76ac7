#!/bin/sh
# Make ./configure from configure.ac. Needed once after a clone; the released
# tarball has it already.
set -e
cd "$(dirname "$0")"
mkdir -p m4
exec autoreconf --force --install

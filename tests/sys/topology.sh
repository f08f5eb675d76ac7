#!/bin/bash
# Sentinels and a cluster, with real servers: a master killed, a slot moved.
. "${srcdir:-.}/tests/lib.sh"
CHECK_TOPOLOGY=1 "${CHECK_TOPOLOGY_PROGRAM:-$TANDEM_BUILD/tests/check_topology}"

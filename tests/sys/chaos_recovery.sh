#!/bin/bash
# The course of chaos.sh for clients whose sessions are recovered, by whatever
# worker they come back to.
RECOVERY=10s
. "${srcdir:-.}/tests/sys/chaos.sh"

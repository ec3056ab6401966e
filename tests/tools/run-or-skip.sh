#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-or-skip.sh PROGRAM ARGUMENT…: a check with a tool that not every machine has; without it the test is skipped, not missing.
command -v "$1" >/dev/null || { echo "$1 is not installed"; exit 77; }
exec "$@"

#!/usr/bin/env bash
# The checks of the sources that are not tests: layers and banned names, headers on their own, one
# definition of everything. Runs all of them, fails if one failed.
source "$(dirname "$0")/common.sh"

say "== hygiene"
failed=""
for check in check_layers.py check_headers.py check_odr.sh; do
  "scripts/$check" || failed="$failed $check"
done
[ -z "$failed" ] || die "hygiene:$failed failed"
say "hygiene: clean"

#!/usr/bin/env bash
# Finds the adders in netlists with a graph network: installs what is missing, builds one program
# and runs it. Arguments go to the program: scripts/demo.sh --help
source "$(dirname "$0")/common.sh"

# shellcheck disable=SC2086  # the list is words
need_packages $build_packages
build_preset release find_adders
exec build/release/examples/find_adders "$@"

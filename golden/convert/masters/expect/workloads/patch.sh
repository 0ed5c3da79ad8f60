#!/bin/sh
# Writes into running workloads what they rely on. First try it with: sh patch.sh --dry-run=server
# Controllers then replace the pods, step by step. Where a chart or a repository owns the manifests, change those instead.
set -eu
cd "$(dirname "$0")"

# Pod/default/app: 4 values, see reliance.md
# A running pod cannot be changed: create it anew from its manifest.

#!/bin/sh
# Sets the Pod Security labels. First try it with: sh label.sh --dry-run=server
# That names the running pods that violate the new levels, and changes nothing.
set -eu

# default: enforce `privileged`: `b-any` admits what `baseline` refuses: hostPath volumes; each of the 3 given pods passes it; `Pod/privileged` would fail `baseline` (privileged)
#   warn `privileged`: as `enforce`
#   audit `baseline`: records what `baseline` would refuse, and bothers nobody
#   left aside, because no policy admits them: `Pod/privileged-writable`
kubectl label "$@" --overwrite namespace default pod-security.kubernetes.io/enforce=privileged pod-security.kubernetes.io/enforce-version=v1.37 pod-security.kubernetes.io/audit=baseline pod-security.kubernetes.io/audit-version=v1.37 pod-security.kubernetes.io/warn=privileged pod-security.kubernetes.io/warn-version=v1.37

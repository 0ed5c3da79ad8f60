#!/bin/sh
# Sets the Pod Security labels. First try it with: sh label.sh --dry-run=server
# That names the running pods that violate the new levels, and changes nothing.
set -eu

# default: enforce `baseline`: `restricted` admit no probed pod that it refuses, silence aside (boundary); `restricted` admits what `restricted` refuses: runAsNonRoot != true, runAsUser=0, seccompProfile; the 1 given pod passes it; `Pod/app` would fail `restricted` (allowPrivilegeEscalation != false)
#   warn `baseline`: as `enforce`
#   audit `restricted`: records what `restricted` would refuse, and bothers nobody
#   left aside, because no policy admits them: `Pod/privileged`
kubectl label "$@" --overwrite namespace default pod-security.kubernetes.io/enforce=baseline pod-security.kubernetes.io/enforce-version=v1.37 pod-security.kubernetes.io/audit=restricted pod-security.kubernetes.io/audit-version=v1.37 pod-security.kubernetes.io/warn=baseline pod-security.kubernetes.io/warn-version=v1.37

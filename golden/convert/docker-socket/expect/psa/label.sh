#!/bin/sh
# Sets the Pod Security labels. First try it with: sh label.sh --dry-run=server
# That names the running pods that violate the new levels, and changes nothing.
set -eu

# psp-example: enforce `baseline`: `psp-protect-docker` admit no probed pod that it refuses, silence aside (boundary); `psp-protect-docker` admits what `restricted` refuses: unrestricted capabilities, runAsNonRoot != true, runAsUser=0, seccompProfile; the 1 given pod passes it; `Pod/quiet-pod` would fail `restricted` (allowPrivilegeEscalation != false)
#   warn `baseline`: as `enforce`
#   audit `restricted`: records what `restricted` would refuse, and bothers nobody
#   left aside, because no policy admits them: `Pod/attacking-pod`
kubectl label "$@" --overwrite namespace psp-example pod-security.kubernetes.io/enforce=baseline pod-security.kubernetes.io/enforce-version=v1.37 pod-security.kubernetes.io/audit=restricted pod-security.kubernetes.io/audit-version=v1.37 pod-security.kubernetes.io/warn=baseline pod-security.kubernetes.io/warn-version=v1.37

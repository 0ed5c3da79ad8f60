#!/bin/sh
# Sets the Pod Security labels. First try it with: sh label.sh --dry-run=server
# That names the running pods that violate the new levels, and changes nothing.
set -eu

# default: enforce `baseline`: no policy is usable here, so no pod was admitted; the 1 given pod passes it; `Pod/silent` would fail `restricted` (allowPrivilegeEscalation != false)
#   warn `restricted`: mend the pods that it warns about, and `restricted` can be enforced
#   audit `restricted`: as `warn`, for the audit log
kubectl label "$@" --overwrite namespace default pod-security.kubernetes.io/enforce=baseline pod-security.kubernetes.io/enforce-version=v1.37 pod-security.kubernetes.io/audit=restricted pod-security.kubernetes.io/audit-version=v1.37 pod-security.kubernetes.io/warn=restricted pod-security.kubernetes.io/warn-version=v1.37

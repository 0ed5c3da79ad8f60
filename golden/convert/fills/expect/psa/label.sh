#!/bin/sh
# Sets the Pod Security labels. First try it with: sh label.sh --dry-run=server
# That names the running pods that violate the new levels, and changes nothing.
set -eu

# default: enforce `privileged`: `strict` admits what `baseline` refuses: seLinuxOptions; each of the 2 given pods passes it
#   warn `baseline`: all given pods pass `baseline`: if nobody is warned for a while, enforce it
#   audit `baseline`: as `warn`, for the audit log
#   left aside, because no policy admits them: `Pod/escalates`, `Pod/group`
kubectl label "$@" --overwrite namespace default pod-security.kubernetes.io/enforce=privileged pod-security.kubernetes.io/enforce-version=v1.37 pod-security.kubernetes.io/audit=baseline pod-security.kubernetes.io/audit-version=v1.37 pod-security.kubernetes.io/warn=baseline pod-security.kubernetes.io/warn-version=v1.37

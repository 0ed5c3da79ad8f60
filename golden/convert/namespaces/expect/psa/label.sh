#!/bin/sh
# Sets the Pod Security labels. First try it with: sh label.sh --dry-run=server
# That names the running pods that violate the new levels, and changes nothing.
set -eu

# bare: enforce `baseline`: `restricted` admit no probed pod that it refuses, silence aside (boundary); `restricted` admits what `restricted` refuses: runAsNonRoot != true, runAsUser=0, seccompProfile; the 1 given pod passes it; `Pod/nobody-may` would fail `restricted` (allowPrivilegeEscalation != false)
#   warn `baseline`: as `enforce`
#   audit `restricted`: records what `restricted` would refuse, and bothers nobody
kubectl label "$@" --overwrite namespace bare pod-security.kubernetes.io/enforce=baseline pod-security.kubernetes.io/enforce-version=v1.37 pod-security.kubernetes.io/audit=restricted pod-security.kubernetes.io/audit-version=v1.37 pod-security.kubernetes.io/warn=baseline pod-security.kubernetes.io/warn-version=v1.37

# monitoring: enforce `privileged`: `node-agent` admits what `baseline` refuses: host namespaces, hostPath volumes, hostPort; the 1 given pod passes it; `DaemonSet/node-exporter` would fail `baseline` (host namespaces)
#   warn `privileged`: as `enforce`
#   audit `baseline`: records what `baseline` would refuse, and bothers nobody
kubectl label "$@" --overwrite namespace monitoring pod-security.kubernetes.io/enforce=privileged pod-security.kubernetes.io/enforce-version=v1.37 pod-security.kubernetes.io/audit=baseline pod-security.kubernetes.io/audit-version=v1.37 pod-security.kubernetes.io/warn=privileged pod-security.kubernetes.io/warn-version=v1.37

# shop: enforce `privileged`: `node-agent` admits what `baseline` refuses: host namespaces, hostPath volumes, hostPort; each of the 2 given pods passes it
#   warn `baseline`: all given pods pass `baseline`: if nobody is warned for a while, enforce it
#   audit `baseline`: as `warn`, for the audit log
kubectl label "$@" --overwrite namespace shop pod-security.kubernetes.io/enforce=privileged pod-security.kubernetes.io/enforce-version=v1.37 pod-security.kubernetes.io/audit=baseline pod-security.kubernetes.io/audit-version=v1.37 pod-security.kubernetes.io/warn=baseline pod-security.kubernetes.io/warn-version=v1.37

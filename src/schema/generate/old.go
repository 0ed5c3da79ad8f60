//go:build v1_24

package main

import (
	extensionsv1beta1 "k8s.io/api/extensions/v1beta1"
	policyv1beta1 "k8s.io/api/policy/v1beta1"
)

// oldRoots are the types that only Kubernetes 1.24 and older have.
var oldRoots = []any{policyv1beta1.PodSecurityPolicy{}, extensionsv1beta1.PodSecurityPolicy{}}

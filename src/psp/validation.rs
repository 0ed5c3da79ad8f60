//! API validation of PodSecurityPolicy objects, message for message.
//!
//! Source: `pkg/apis/policy/validation/validation.go` of Kubernetes 1.24.

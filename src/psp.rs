//! PodSecurityPolicy objects.

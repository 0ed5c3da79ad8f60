//! The release of the old API server whose PodSecurityPolicy plug-in is reproduced, and the feature gates that matter.

use std::str::FromStr;

/// A Kubernetes 1.x release with the plug-in, and its feature gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// The minor version, 16 to 24.
    pub minor: u8,
    /// Feature gate `ProcMountType`, off by default: off, `procMount` and `allowedProcMountTypes` are cleared.
    pub proc_mount_type: bool,
}

impl Default for Release {
    /// 1.24, the last release with PodSecurityPolicy.
    fn default() -> Self {
        Self { minor: 24, proc_mount_type: false }
    }
}

/// A version that no release with the plug-in has.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a Kubernetes version from 1.16 to 1.24")]
pub struct UnknownRelease(String);

impl FromStr for Release {
    type Err = UnknownRelease;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let minor = text.trim_start_matches('v').strip_prefix("1.").and_then(|minor| minor.parse().ok());
        match minor {
            Some(minor @ 16..=24) => Ok(Self { minor, ..Self::default() }),
            _ => Err(UnknownRelease(text.to_owned())),
        }
    }
}

impl Release {
    /// Pods have seccomp fields, kept in step with the annotations (1.19; before, only annotations exist).
    pub fn has_seccomp_fields(&self) -> bool {
        self.minor >= 19
    }

    /// Ephemeral containers are validated, not only filled in (gate on by default since 1.23).
    pub fn validates_ephemeral_containers(&self) -> bool {
        self.minor >= 23
    }

    /// `secret` admits the service account's projected token volume (1.19).
    pub fn exempts_token_volumes(&self) -> bool {
        self.minor >= 19
    }

    /// The sysctls that need no allow entry.
    pub fn safe_sysctls(&self) -> &'static [&'static str] {
        const SAFE: [&str; 5] = [
            "kernel.shm_rmid_forced",
            "net.ipv4.ip_local_port_range",
            "net.ipv4.tcp_syncookies",
            "net.ipv4.ping_group_range",
            "net.ipv4.ip_unprivileged_port_start",
        ];
        let known = match self.minor {
            ..=17 => 3,
            18..=21 => 4,
            _ => 5,
        };
        SAFE.get(..known).unwrap_or(&SAFE)
    }

    /// Denials carry the prefix `PodSecurityPolicy: ` and name the phase (1.19; before, one text served both).
    pub fn names_the_phase(&self) -> bool {
        self.minor >= 19
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_releases_with_the_plug_in_are_known() {
        assert_eq!("1.18".parse::<Release>().unwrap().minor, 18);
        assert_eq!("v1.24".parse::<Release>().unwrap(), Release::default());
        for text in ["1.15", "1.25", "2.24", "24", "1.x", ""] {
            assert!(text.parse::<Release>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_safe_list_grew_twice() {
        let count = |minor| Release { minor, ..Release::default() }.safe_sysctls().len();
        assert_eq!([count(16), count(17), count(18), count(21), count(22), count(24)], [3, 3, 4, 4, 5, 5]);
    }
}

//! Levels and versions of the Pod Security Standards: reading, printing, order.
//!
//! Source: `k8s.io/pod-security-admission/api/helpers.go` (`ParseLevel`, `ParseVersion`, `CompareLevels`). Both readers
//! are exact: no trimming, no other case, nothing after the last digit.

use std::fmt::{self, Display};
use std::str::FromStr;

/// How strict a policy is; a later variant is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every pod passes.
    Privileged,
    /// Known privilege escalations are refused.
    Baseline,
    /// Pods must be hardened explicitly.
    Restricted,
}

impl Level {
    /// The level as labels spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }

    /// The next stricter level, if there is one.
    pub fn stricter(self) -> Option<Self> {
        match self {
            Self::Privileged => Some(Self::Baseline),
            Self::Baseline => Some(Self::Restricted),
            Self::Restricted => None,
        }
    }
}

impl Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no level; prints what the API server says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of privileged, baseline, restricted")]
pub struct UnknownLevel;

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "privileged" => Ok(Self::Privileged),
            "baseline" => Ok(Self::Baseline),
            "restricted" => Ok(Self::Restricted),
            _ => Err(UnknownLevel),
        }
    }
}

/// A version of the standards; a later one is greater, and `latest` is greater than every number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `v1.N`
    Minor(u64),
    /// `latest`: whatever the API server knows as its newest.
    Latest,
}

impl Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minor(minor) => write!(f, "v1.{minor}"),
            Self::Latest => f.write_str("latest"),
        }
    }
}

/// A text that names no version; prints what the API server says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be \"latest\" or \"v1.x\"")]
pub struct UnknownVersion;

impl FromStr for Version {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let digits = text.strip_prefix("v1.").ok_or(UnknownVersion)?;
        let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        // Upstream reads the number into a signed 64-bit integer.
        let minor = digits.parse::<i64>().ok().and_then(|minor| u64::try_from(minor).ok());
        minor.filter(|_| canonical).map(Self::Minor).ok_or(UnknownVersion)
    }
}

/// A level at a version: what one mode of a namespace asks for. Prints as `level:version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LevelVersion {
    /// How strict.
    pub level: Level,
    /// By which version of the standards.
    pub version: Version,
}

impl LevelVersion {
    /// What a mode asks for that nobody has configured.
    pub const PRIVILEGED: Self = Self { level: Level::Privileged, version: Version::Latest };

    /// Whether no pod can tell the two apart by name: both privileged, or the same level and version.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self == other || (self.level == Level::Privileged && other.level == Level::Privileged)
    }
}

impl Display for LevelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_exactly() {
        assert_eq!("baseline".parse(), Ok(Level::Baseline));
        for text in ["", "Baseline", " baseline", "baseline ", "default"] {
            assert_eq!(text.parse::<Level>(), Err(UnknownLevel), "{text}");
        }
    }

    #[test]
    fn versions_are_read_exactly() {
        assert_eq!("latest".parse(), Ok(Version::Latest));
        assert_eq!("v1.0".parse(), Ok(Version::Minor(0)));
        assert_eq!("v1.10000".parse(), Ok(Version::Minor(10_000)));
        assert_eq!("v1.9223372036854775807".parse(), Ok(Version::Minor(i64::MAX as u64)));
        let wrong = [
            "",
            "Latest",
            "1.30",
            "v1",
            "v1.",
            "v1.07",
            "v1.00",
            "v1.+7",
            "v1.-7",
            "v1.7\n",
            "v1.٣",
            "v2.0",
            "v1.30.1",
            "v1.9223372036854775808",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Version>(), Err(UnknownVersion), "{text}");
        }
    }

    #[test]
    fn latest_is_newer_than_every_number() {
        assert!(Version::Minor(9) < Version::Minor(10));
        assert!(Version::Minor(u64::MAX) < Version::Latest);
    }

    #[test]
    fn privileged_is_the_same_at_every_version() {
        let pinned = LevelVersion { level: Level::Privileged, version: Version::Minor(25) };
        assert!(pinned.is_equivalent(&LevelVersion::PRIVILEGED));
        let baseline = LevelVersion { level: Level::Baseline, ..pinned };
        assert!(!baseline.is_equivalent(&pinned));
        assert_eq!(baseline.to_string(), "baseline:v1.25");
    }
}

//! Which rules run at which level and version: the only place that knows about levels, versions and overrides together.
//!
//! Source: `k8s.io/pod-security-admission/policy/registry.go`. Every revision of every check has a number; a set of rules
//! is a bit set, so that a decision is one intersection.

use std::sync::LazyLock;

use super::checks::{CHECKS, Check, Revision};
use super::level::{Level, LevelVersion, Version};
use super::pod::PodFacts;

/// A set of revisions by number: bit n is the n-th revision in the order of reports.
pub(crate) type Rules = u64;

/// The rules of every level at every version.
pub(crate) struct Registry {
    revisions: Vec<(&'static Check, &'static Revision)>,
    baseline: Vec<Rules>,
    restricted: Vec<Rules>,
}

/// The rules of the standards.
pub(crate) static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

/// The newest minor version that any check names; `latest` and every newer version mean this one.
pub fn newest_minor() -> u64 {
    CHECKS.iter().flat_map(|check| check.revisions).map(|revision| revision.since).max().unwrap_or(0)
}

impl Registry {
    fn new() -> Self {
        let of_check = |check: &'static Check| check.revisions.iter().map(move |revision| (check, revision));
        let revisions: Vec<_> = CHECKS.into_iter().flat_map(of_check).collect();
        let minors = 0..=newest_minor();
        let baseline = minors.clone().map(|minor| active(&revisions, minor, Level::Baseline)).collect();
        let restricted = minors.map(|minor| active(&revisions, minor, Level::Restricted)).collect();
        Self { revisions, baseline, restricted }
    }

    /// The rules that a level runs at a version.
    pub(crate) fn rules(&self, policy: LevelVersion) -> Rules {
        let table = match policy.level {
            Level::Privileged => return 0,
            Level::Baseline => &self.baseline,
            Level::Restricted => &self.restricted,
        };
        let pinned = match policy.version {
            Version::Minor(minor) => usize::try_from(minor).ok().and_then(|minor| table.get(minor)),
            Version::Latest => None,
        };
        pinned.or(table.last()).copied().unwrap_or(0)
    }

    /// The rules, of all there are, that a pod violates.
    pub(crate) fn violated(&self, pod: &PodFacts<'_>) -> Rules {
        let bits = self.revisions.iter().enumerate();
        bits.filter(|(_, (_, revision))| (revision.violated)(pod)).fold(0, |rules, (bit, _)| rules | 1 << bit)
    }

    /// A rule by its number.
    pub(crate) fn rule(&self, number: usize) -> Option<(&'static Check, &'static Revision)> {
        self.revisions.get(number).copied()
    }
}

/// The numbers in a set, in the order of reports.
pub(crate) fn members(rules: Rules) -> impl Iterator<Item = usize> {
    let mut left = rules;
    std::iter::from_fn(move || {
        let number = left.trailing_zeros();
        left &= left.wrapping_sub(1);
        (number < Rules::BITS).then_some(number as usize)
    })
}

fn active(revisions: &[(&'static Check, &'static Revision)], minor: u64, level: Level) -> Rules {
    let newest = |check: &Check| check.revisions.iter().rfind(|revision| revision.since <= minor);
    let runs = |check: &Check| check.level <= level && newest(check).is_some();
    let overridden: Vec<_> = CHECKS.iter().filter(|check| runs(check)).filter_map(|check| check.overrides).collect();
    let bits = revisions.iter().enumerate().filter(|(_, (check, revision))| {
        let is_newest = newest(check).is_some_and(|newest| newest.since == revision.since);
        is_newest && runs(check) && !overridden.contains(&check.id)
    });
    bits.fold(0, |rules, (bit, _)| rules | 1 << bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(level: Level, minor: u64) -> Vec<&'static str> {
        let version = Version::Minor(minor);
        let rules = REGISTRY.rules(LevelVersion { level, version });
        members(rules).filter_map(|rule| REGISTRY.rule(rule)).map(|(check, _)| check.id).collect()
    }

    #[test]
    fn every_revision_has_a_bit() {
        assert!(REGISTRY.revisions.len() <= Rules::BITS as usize);
        assert_eq!(members(Rules::MAX).count(), Rules::BITS as usize);
        assert_eq!(members(0).count(), 0);
        assert_eq!(members(0b1010).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn the_number_of_checks_is_upstreams() {
        let count = |level, minor| ids(level, minor).len();
        assert_eq!([0, 33, 34, 37].map(|minor| count(Level::Baseline, minor)), [11, 11, 12, 12]);
        let restricted = [0, 7, 8, 22, 23, 33, 34, 37].map(|minor| count(Level::Restricted, minor));
        assert_eq!(restricted, [12, 12, 13, 13, 14, 14, 15, 15]);
        assert_eq!(count(Level::Privileged, 37), 0);
    }

    #[test]
    fn restricted_checks_replace_the_baseline_ones_they_override() {
        let replaced =
            [(0, "hostPathVolumes"), (19, "seccompProfile_baseline"), (22, "capabilities_baseline"), (35, "procMount")];
        for (minor, id) in replaced {
            assert!(!ids(Level::Restricted, minor).contains(&id), "{id}");
            assert!(ids(Level::Baseline, minor).contains(&id), "{id}");
            if let Some(before) = minor.checked_sub(1) {
                assert!(ids(Level::Restricted, before).contains(&id), "{id}");
            }
        }
    }

    #[test]
    fn newer_versions_than_known_mean_the_newest() {
        let rules = |version| REGISTRY.rules(LevelVersion { level: Level::Restricted, version });
        assert_eq!(newest_minor(), 37);
        for version in [Version::Minor(37), Version::Minor(38), Version::Minor(u64::MAX)] {
            assert_eq!(rules(Version::Latest), rules(version));
        }
        assert_ne!(rules(Version::Latest), rules(Version::Minor(36)));
    }
}

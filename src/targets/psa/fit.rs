//! Which level fits: the strictest one that admits pods, and what stands in the way of the next.
//!
//! Judged pod by pod as it is. A pod that another plug-in changes must be judged as changed, and pods of workloads that
//! do not run at the moment count as much as running ones.

use super::evaluate::{CheckResult, PsaPod, evaluate};
use super::level::{Level, Version};

/// The strictest level that admits some pods, and why no stricter one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// The strictest level that admits every pod.
    pub level: Level,
    /// The pods that the next stricter level refuses; empty when there is none.
    pub blockers: Vec<Blocker>,
}

/// A pod that a level refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// The pod's place among those given.
    pub pod: usize,
    /// What the level says about it.
    pub results: Vec<CheckResult>,
}

/// The strictest level that admits a pod at a version.
pub fn strictest_level(version: Version, pod: &PsaPod<'_>) -> Level {
    strictest(version, std::slice::from_ref(pod))
}

/// The strictest level that admits every one of some pods at a version, with what blocks the next. Restricted fits no
/// pods at all.
pub fn fit(version: Version, pods: &[PsaPod<'_>]) -> Fit {
    let level = strictest(version, pods);
    let blockers = level.stricter().map(|next| blockers(next, version, pods)).unwrap_or_default();
    Fit { level, blockers }
}

fn strictest(version: Version, pods: &[PsaPod<'_>]) -> Level {
    let fits = |level: &Level| pods.iter().all(|pod| evaluate(*level, version, pod).is_allowed());
    let stricter_first = [Level::Restricted, Level::Baseline];
    stricter_first.into_iter().find(fits).unwrap_or(Level::Privileged)
}

/// The pods that a level refuses at a version, with its reasons.
pub fn blockers(level: Level, version: Version, pods: &[PsaPod<'_>]) -> Vec<Blocker> {
    let blocked = pods.iter().enumerate().filter_map(|(place, pod)| {
        let results: Vec<_> = evaluate(level, version, pod).results().collect();
        (!results.is_empty()).then_some(Blocker { pod: place, results })
    });
    blocked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_laxest_pod_decides_and_the_next_level_names_it() {
        let hardened = json!({"spec": {}});
        let plain = json!({"spec": {"containers": [{"name": "c"}]}});
        let pods = [&hardened, &plain].map(PsaPod::read);
        assert_eq!(
            pods.each_ref().map(|pod| strictest_level(Version::Latest, pod)),
            [Level::Restricted, Level::Baseline]
        );
        let fit = fit(Version::Latest, &pods);
        assert_eq!(fit.level, Level::Baseline);
        let ids = fit.blockers.iter().flat_map(|blocker| &blocker.results).map(|result| result.id);
        let restricted =
            ["allowPrivilegeEscalation", "capabilities_restricted", "runAsNonRoot", "seccompProfile_restricted"];
        assert!(ids.eq(restricted));
        assert!(fit.blockers.iter().all(|blocker| blocker.pod == 1));
    }

    #[test]
    fn the_version_matters() {
        let probe = json!({"spec": {"containers": [{"name": "c", "livenessProbe": {"tcpSocket": {"host": "h"}}}]}});
        let pod = PsaPod::read(&probe);
        assert_eq!(strictest_level(Version::Minor(33), &pod), Level::Baseline);
        assert_eq!(strictest_level(Version::Minor(34), &pod), Level::Privileged);
    }

    #[test]
    fn no_pods_fit_everything() {
        let everything = Fit { level: Level::Restricted, blockers: Vec::new() };
        assert_eq!(fit(Version::Latest, &[]), everything);
    }
}

//! The labels to set, and why.
//!
//! `enforce` refuses no given pod, and nothing that the policies are known to admit by more than silence. `warn` and
//! `audit` ask for the level to reach: where given pods stand in the way they are warned about, and where none does,
//! silence says that `enforce` can be raised.

use super::advice::Claim;
use super::given::Given;
use super::listed;
use super::relation::LevelRelation;
use crate::input::printable;
use crate::targets::psa::{Level, LevelVersion, Policy, Version};

/// Why each label has its level, a line each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reasons {
    /// Why `enforce`.
    pub enforce: String,
    /// Why `audit`.
    pub audit: String,
    /// Why `warn`.
    pub warn: String,
}

/// What a recommendation rests on.
pub(super) struct Grounds<'a> {
    pub levels: &'a [LevelRelation],
    pub intended: Claim,
    pub policies: Vec<&'a str>,
    pub given: &'a Given,
}

impl Grounds<'_> {
    /// The labels at a version, and why.
    pub(super) fn labels(&self, version: Version) -> (Policy, Reasons) {
        let intended = self.intended.level;
        let fitting = if self.given.pods == 0 { intended } else { self.given.level };
        let reachable = if self.given.pods == 0 { intended } else { fitting.max(self.given.filled_level) };
        let (enforce, goal) = (intended.min(fitting), intended.max(reachable));
        let audit = if goal > enforce { goal } else { enforce.stricter().unwrap_or(enforce) };
        let reasons = Reasons {
            enforce: format!("{}; {}", self.policies_say(enforce), self.pods_say(enforce)),
            warn: self.warn_reason(enforce, goal),
            audit: audit_reason(enforce, goal, audit),
        };
        let at = |level| LevelVersion { level, version };
        (Policy { enforce: at(enforce), audit: at(audit), warn: at(goal) }, reasons)
    }

    fn policies_say(&self, enforce: Level) -> String {
        let policies = listed(&self.policies);
        if self.policies.is_empty() {
            return "no policy is usable here, so no pod was admitted".to_owned();
        }
        if enforce < self.intended.level {
            return format!("{policies} would allow for `{}` ({})", self.intended.level, self.intended.rung);
        }
        let claim = format!("{policies} admit no probed pod that it refuses, silence aside ({})", self.intended.rung);
        let Some(next) = enforce.stricter() else { return claim };
        match self.refusals(next) {
            Some((policy, reasons)) if enforce == Level::Privileged => {
                format!("`{policy}` admits what `{next}` refuses: {reasons}")
            }
            Some((policy, reasons)) => format!("{claim}; `{policy}` admits what `{next}` refuses: {reasons}"),
            None => claim,
        }
    }

    /// A policy that admits what a level refuses, by more than silence, and why the level refuses it.
    fn refusals(&self, level: Level) -> Option<(String, String)> {
        let relation = self.levels.iter().find(|relation| relation.level == level)?;
        let meant = || relation.refuses.iter().filter(|refusal| !refusal.by_silence);
        let policy = meant().next()?.policy.as_str();
        let reasons: Vec<&str> =
            meant().filter(|refusal| refusal.policy == policy).map(|refusal| refusal.reason).collect();
        Some((printable(policy).into_owned(), reasons.join(", ")))
    }

    fn pods_say(&self, enforce: Level) -> String {
        let given = self.given;
        match (given.pods, given.level.stricter().filter(|_| given.level == enforce && !given.blockers.is_empty())) {
            (0, _) => "no pods were given".to_owned(),
            (count, None) => format!("{} passes it", pods(count)),
            (count, Some(next)) => format!("{} passes it; {}", pods(count), self.blocked(next)),
        }
    }

    fn blocked(&self, next: Level) -> String {
        let names: Vec<&str> = self.given.blockers.iter().map(|blocker| blocker.pod.as_str()).collect();
        let filled = self.given.blockers.iter().filter(|blocker| blocker.passes_filled).count();
        let why = self.given.blockers.first().and_then(|blocker| blocker.results.first());
        let why = why.map(|result| format!(" ({})", result.reason)).unwrap_or_default();
        let cure = match filled {
            0 => String::new(),
            _ if filled == names.len() => "; spelling out what PodSecurityPolicy fills in is enough".to_owned(),
            _ => format!("; for {filled} of them spelling out what PodSecurityPolicy fills in is enough"),
        };
        format!("{} would fail `{next}`{why}{cure}", listed(&names))
    }

    fn warn_reason(&self, enforce: Level, goal: Level) -> String {
        match goal > enforce {
            false => "as `enforce`".to_owned(),
            true if self.given.level < goal => {
                format!("mend the pods that it warns about, and `{goal}` can be enforced")
            }
            true => format!("all given pods pass `{goal}`: if nobody is warned for a while, enforce it"),
        }
    }
}

fn audit_reason(enforce: Level, goal: Level, audit: Level) -> String {
    match (goal > enforce, audit > enforce) {
        (true, _) => "as `warn`, for the audit log".to_owned(),
        (false, true) => format!("records what `{audit}` would refuse, and bothers nobody"),
        (false, false) => "as `enforce`".to_owned(),
    }
}

fn pods(count: usize) -> String {
    if count == 1 { "the 1 given pod".to_owned() } else { format!("each of the {count} given pods") }
}

//! What is odd about policies and their wiring: nothing here changes a decision, everything here surprises somebody.
//!
//! An oddity of a single policy is one small function, found in the list of its file under [`OBJECTS`] (about the object)
//! or [`POLICIES`] (about what the policy says, if it takes part at all). Codes are stable; a message is one sentence,
//! in plain English, about what that means for the user.

mod capabilities;
mod collection;
mod identities;
mod origin;
mod privileges;
mod profiles;
mod volumes;
mod wiring;

use serde::Serialize;
use serde_json::Value;

use super::inspection::Inspected;
use crate::cluster::PolicyState;
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

/// Something that the user should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Warning {
    /// A stable word for its kind, e.g. `host-path-any`.
    pub code: &'static str,
    /// What it means, in one sentence.
    pub message: String,
    /// The object that it is about, as `Kind/name` or `Kind/namespace/name`.
    pub object: String,
    /// Where the object was read: `file:line`.
    pub source: Option<String>,
}

/// A policy object that is looked at.
pub(crate) struct Looked<'a> {
    policy: &'a PodSecurityPolicy,
    manifest: &'a Value,
    release: &'a Release,
}

/// One kind of oddity of a single policy: its code, and what finds it.
pub(crate) struct Oddity {
    code: &'static str,
    find: fn(&Looked<'_>) -> Option<String>,
}

/// Oddities of any policy object, in force or not.
const OBJECTS: [&[Oddity]; 1] = [origin::ODDITIES];

/// Oddities of what a policy says, asked of those in force.
const POLICIES: [&[Oddity]; 5] =
    [profiles::ODDITIES, privileges::ODDITIES, capabilities::ODDITIES, identities::ODDITIES, volumes::ODDITIES];

/// Everything that is odd, what keeps policies from working first; all warnings of a kind stand together.
pub(crate) fn warnings(inspected: &Inspected<'_>) -> Vec<Warning> {
    let whole = [collection::warnings(inspected), wiring::warnings(inspected)].concat();
    let said = POLICIES.into_iter().flatten().flat_map(|oddity| of_policies(inspected, oddity, true));
    let objects = OBJECTS.into_iter().flatten().flat_map(|oddity| of_policies(inspected, oddity, false));
    whole.into_iter().chain(said).chain(objects).collect()
}

fn of_policies<'a>(
    inspected: &'a Inspected<'a>,
    oddity: &'a Oddity,
    in_force: bool,
) -> impl Iterator<Item = Warning> + 'a {
    let release = inspected.cluster.plugin().release();
    let policies = inspected.cluster.policies().iter();
    policies.filter(move |known| !in_force || known.state == PolicyState::Used).filter_map(move |known| {
        let manifest = &inspected.policies.get(known.position)?.value;
        let message = (oddity.find)(&Looked { policy: &known.policy, manifest, release })?;
        Some(Warning { code: oddity.code, message, object: object(known.name()), source: inspected.source(known) })
    })
}

fn object(policy: &str) -> String {
    format!("PodSecurityPolicy/{policy}")
}

/// Names for a sentence, each in backticks, no more than a handful.
fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    const MOST: usize = 5;
    let mut names = names.into_iter();
    let shown: Vec<String> = names.by_ref().take(MOST).map(|name| format!("`{name}`")).collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod testing {
    use super::*;

    /// The codes that a file's oddities find in a policy, given as `spec` (and `annotations`) and, beside, `metadata`.
    pub(super) fn codes(oddities: &[Oddity], spec: Value) -> Vec<&'static str> {
        let mut spec = spec;
        let metadata = spec.as_object_mut().and_then(|spec| spec.remove("metadata")).unwrap_or_default();
        let manifest = serde_json::json!({"metadata": metadata, "spec": spec});
        let release = Release::default();
        let policy = crate::controls::testing::policy(spec).stored(&release);
        let looked = Looked { policy: &policy, manifest: &manifest, release: &release };
        oddities.iter().filter(|oddity| (oddity.find)(&looked).is_some()).map(|oddity| oddity.code).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_in_kebab_case() {
        let all = || POLICIES.into_iter().chain(OBJECTS).flatten().map(|oddity| oddity.code);
        let distinct: BTreeSet<&str> = all().collect();
        assert_eq!(distinct.len(), all().count());
        assert!(distinct.iter().all(|code| code.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(["a", "b"]), "`a`, `b`");
        assert_eq!(listed(["a", "b", "c", "d", "e", "f", "g"]), "`a`, `b`, `c`, `d`, `e` and 2 more");
    }
}

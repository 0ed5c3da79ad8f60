//! Sysctls: which kernel parameters a pod may set.
//!
//! * Policy fields: `spec.forbiddenSysctls` and `spec.allowedUnsafeSysctls`, names or prefixes that end in `*`.
//! * Pod field: names in `spec.securityContext.sysctls`.
//! * Fills nothing in.
//!
//! A forbidden name is refused, safe or not. A safe one needs no allow entry, any other one does. Which names are safe
//! depends on the release. Names are compared as strings: `/` is not `.`, and a prefix may end inside a segment.
//! Source: `pkg/security/podsecuritypolicy/sysctl/mustmatchpatterns.go`.

use serde_json::{Value, json};

use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Items, Pattern, Place, Test, edge_names};
use crate::field_error::{FieldError, go_quote};
use crate::pod_view::{Field, PodView};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control = Control { name: "sysctls", owns: &[Field::Sysctl], parse };

fn parse(policy: &PodSecurityPolicy, release: &Release) -> Parsed {
    let patterns = |list: &[String]| list.iter().map(|text| Pattern::parse(text)).collect::<Vec<_>>();
    let forbidden = patterns(&policy.spec.forbidden_sysctls);
    let unsafe_ones = patterns(&policy.spec.allowed_unsafe_sysctls);
    if forbidden.is_empty() && unsafe_ones.contains(&Pattern::parse("*")) {
        return Ok(None);
    }
    let safe = release.safe_sysctls().iter().map(|name| Pattern::Exact((*name).to_owned()));
    let allowed = safe.chain(unsafe_ones).collect();
    Ok(Some(Box::new(Sysctls { forbidden, allowed })))
}

struct Sysctls {
    forbidden: Vec<Pattern>,
    /// The safe ones, and those that the policy allows.
    allowed: Vec<Pattern>,
}

impl Requirement for Sysctls {
    fn admit_pod(&self, pod: &PodView<'_>, denials: &mut Denials) {
        let any = |patterns: &[Pattern], name: &str| patterns.iter().any(|pattern| pattern.matches(name));
        for (index, name) in pod.sysctls.iter().enumerate() {
            let forbidden = any(&self.forbidden, name);
            if forbidden || !any(&self.allowed, name) {
                denials.add(|| {
                    let field = format!("pod.spec.securityContext.sysctls[{index}]");
                    let kind = if forbidden { "sysctl" } else { "unsafe sysctl" };
                    FieldError::forbidden(field, format!("{kind} {} is not allowed", go_quote(name)))
                });
            }
        }
    }

    fn constraint(&self) -> Constraint {
        let test = |test| Constraint::Field(Field::Sysctl, test);
        let matches = |patterns: &[Pattern]| Test::Matches(patterns.to_vec());
        let not_forbidden = (!self.forbidden.is_empty()).then(|| test(Test::not(matches(&self.forbidden))));
        let one = Constraint::all(not_forbidden.into_iter().chain([test(matches(&self.allowed))]));
        Constraint::each(Items::Sysctls, one)
    }

    fn boundary(&self) -> Vec<Axis> {
        let constants = self.forbidden.iter().chain(&self.allowed).map(|pattern| match pattern {
            Pattern::Exact(text) | Pattern::Prefix(text) => text,
        });
        let latest = Release::default().safe_sysctls().iter().map(|name| (*name).to_owned());
        let (latest, slashed): (Vec<_>, _) = (latest.collect(), ["kernel/shm_rmid_forced".to_owned()]);
        let names = edge_names(constants.chain(&latest).chain(&slashed));
        let sysctl = |name: &str| json!({"name": name, "value": "1"});
        let safe = sysctl("kernel.shm_rmid_forced");
        let lists = names.iter().flat_map(|name| [json!([sysctl(name)]), json!([safe, sysctl(name)])]);
        let silent = [Value::Null, json!([])];
        vec![Axis::new(Place::PodContext("sysctls"), silent.into_iter().chain(lists))]
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_release, lowering_is_faithful, lowering_is_faithful_in};
    use super::*;

    fn sysctls(names: &[&str]) -> Value {
        let list: Vec<_> = names.iter().map(|name| json!({"name": name, "value": "0"})).collect();
        json!({"securityContext": {"sysctls": list}})
    }

    #[test]
    fn safe_ones_need_no_entry_and_unsafe_ones_do() {
        check(
            &CONTROL,
            json!({"allowedUnsafeSysctls": ["net.core.so*", "kernel.msgmax"]}),
            sysctls(&[
                "net.ipv4.tcp_syncookies",
                "net.core.somaxconn",
                "kernel.msgmax",
                "kernel.msgmaxx",
                "kernel/msgmax",
            ]),
            &[
                "pod.spec.securityContext.sysctls[3]: Forbidden: unsafe sysctl \"kernel.msgmaxx\" is not allowed",
                "pod.spec.securityContext.sysctls[4]: Forbidden: unsafe sysctl \"kernel/msgmax\" is not allowed",
            ],
        );
    }

    #[test]
    fn forbidding_all_forbids_the_safe_ones_too() {
        check(
            &CONTROL,
            json!({"forbiddenSysctls": ["*"]}),
            sysctls(&["kernel.shm_rmid_forced"]),
            &["pod.spec.securityContext.sysctls[0]: Forbidden: sysctl \"kernel.shm_rmid_forced\" is not allowed"],
        );
    }

    #[test]
    fn unprivileged_ports_are_safe_from_1_22() {
        let name = "net.ipv4.ip_unprivileged_port_start";
        let denial = format!("pod.spec.securityContext.sysctls[0]: Forbidden: unsafe sysctl \"{name}\" is not allowed");
        check_release(&CONTROL, json!({}), sysctls(&[name]), &[], "1.22".parse().unwrap());
        check_release(&CONTROL, json!({}), sysctls(&[name]), &[&denial], "1.21".parse().unwrap());
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        let policies = [
            json!({}),
            json!({"forbiddenSysctls": ["*"]}),
            json!({"allowedUnsafeSysctls": ["*"]}),
            json!({"allowedUnsafeSysctls": ["*"], "forbiddenSysctls": ["kernel.*", "net.ipv4.tcp_syncookies"]}),
            json!({"allowedUnsafeSysctls": ["net.core.so*", "a"], "forbiddenSysctls": ["net.core.som*", "b"]}),
        ];
        lowering_is_faithful(&CONTROL, &policies);
        lowering_is_faithful_in("1.17".parse().unwrap(), &CONTROL, &policies);
    }
}

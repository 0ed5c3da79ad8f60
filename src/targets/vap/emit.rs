//! The documents, and which form they take.

use serde_json::{Value, json};

use super::access;
use super::{MUTATING_SINCE, gaps, mutating, static_manifests, validating};
use crate::cel::print::Expr;
use crate::plan::{ENFORCE_LABEL, Enforcement, Options, Plan, RbacMode};
use crate::targets::cel_policies::rules::{PolicyRules, Variables};
use crate::targets::cel_policies::{fills_something, frozen};
use crate::targets::{Emission, Emitted};

/// How the policies find out who may use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Every policy is asked for by name.
    Live { asks_extensions: bool },
    /// Only the policy that the pod's annotation names is judged and asked for.
    Claimed { asks_extensions: bool },
    /// The grants stand in the expressions.
    Frozen,
}

impl Form {
    fn of(plan: &Plan<'_>) -> Self {
        let asks_extensions = plan.rbac.asks_extensions();
        let fits = plan.policies.len() <= access::most_policies(asks_extensions);
        match plan.options.rbac {
            Some(RbacMode::Live) | None if fits => Self::Live { asks_extensions },
            Some(RbacMode::Live) => Self::Claimed { asks_extensions },
            Some(RbacMode::Frozen) | None => Self::Frozen,
        }
    }

    /// Whether the requester or the pod's account may use the policy; adds the variables that this takes.
    pub(super) fn may_use(self, policy: &PolicyRules<'_>, variables: &mut Variables) -> Expr {
        let name = format!("use_{}", policy.slug);
        match self {
            Self::Frozen => variables.add(&name, frozen::may_use(&policy.policy.grants)),
            Self::Live { asks_extensions } | Self::Claimed { asks_extensions } => {
                let asked = access::live(&Expr::string(policy.policy.name), asks_extensions);
                Expr::or(asked.into_iter().map(|expression| variables.add(&name, expression)))
            }
        }
    }
}

/// The translation of a plan.
pub(super) fn emit(plan: &Plan<'_>) -> Emission {
    let form = Form::of(plan);
    let fills = plan.options.target_minor >= MUTATING_SINCE;
    let names = ObjectNames::new(&plan.options);
    let mut documents = Vec::new();
    let has_fills = plan.policies.iter().any(fills_something);
    if fills && (has_fills || needs_annotation(plan, form)) {
        documents.push(("psp-mutating-policy.yaml", mutating::policy(plan, form, &names)));
        documents.push(("psp-mutating-policy-binding.yaml", mutating::binding(&names)));
    }
    documents.push(("psp-validating-policy.yaml", validating::policy(plan, form, fills, &names)));
    documents.extend(validating::bindings(&plan.options, &names));
    let emitted = |(file, document): (&str, Value)| Emitted { file: file.to_owned(), document };
    let mut documents: Vec<Emitted> = documents.into_iter().map(emitted).collect();
    if plan.options.static_manifests {
        static_manifests::place(&mut documents);
    }
    Emission { documents, gaps: gaps::gaps(plan, form, fills), notes: notes(plan, form, fills), ..Emission::default() }
}

fn needs_annotation(plan: &Plan<'_>, form: Form) -> bool {
    !plan.policies.is_empty() && (plan.options.annotate || matches!(form, Form::Claimed { .. }))
}

/// What the documents are called.
pub(super) struct ObjectNames {
    suffix: &'static str,
}

impl ObjectNames {
    fn new(options: &Options) -> Self {
        Self { suffix: if options.static_manifests { static_manifests::SUFFIX } else { "" } }
    }

    /// The name of the policies, and of bindings that are alone.
    pub(super) fn name(&self) -> String {
        format!("pod-security-policy{}", self.suffix)
    }

    /// A document of admissionregistration.k8s.io/v1.
    pub(super) fn document(&self, kind: &str, spec: Value) -> Value {
        self.named("", kind, spec)
    }

    /// A document whose name says more.
    pub(super) fn named(&self, more: &str, kind: &str, spec: Value) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": format!("pod-security-policy{more}{}", self.suffix)},
            "spec": spec,
        })
    }
}

fn notes(plan: &Plan<'_>, form: Form, fills: bool) -> Vec<String> {
    let mut notes = vec![mode_note(plan, form)];
    notes.push(if fills {
        "what the policies fill in is filled in by a MutatingAdmissionPolicy before the pod is judged".to_owned()
    } else {
        format!(
            "a 1.{} server has no MutatingAdmissionPolicy: nothing is filled in, and pods that would be admitted after \
             filling are admitted as they are",
            plan.options.target_minor
        )
    });
    notes.push(if plan.options.cover_ephemeral_containers {
        "ephemeral containers that are added to running pods are judged too, unlike before; nothing is filled into them"
            .to_owned()
    } else {
        "ephemeral containers that are added to running pods (`kubectl debug`) are not judged, as before".to_owned()
    });
    if plan.policies.is_empty() {
        notes.push("there is no usable policy: every pod is denied, as the plug-in denies it".to_owned());
    }
    notes.extend(enforcement_note(plan, fills));
    if plan.options.static_manifests {
        notes.extend(static_manifests::notes(plan.options.target_minor));
    }
    notes
}

fn enforcement_note(plan: &Plan<'_>, fills: bool) -> Option<String> {
    let (label, value) = ENFORCE_LABEL;
    let mutating = if fills { "; what policies fill in is filled in everywhere from the start" } else { "" };
    match plan.options.enforcement {
        Enforcement::Deny => None,
        Enforcement::Audit => {
            Some(format!("violations are only warned of and audited: bind with `Deny` to refuse them{mutating}"))
        }
        Enforcement::Staged => Some(format!(
            "violations are warned of and audited everywhere, and refused in namespaces with the label `{label}={value}`, which \
             `kubectl label namespace NAME {label}={value}` sets{mutating}; guard who may label namespaces"
        )),
    }
}

fn mode_note(plan: &Plan<'_>, form: Form) -> String {
    let count = plan.policies.len();
    match form {
        Form::Live { asks_extensions } => {
            let (used, most) = (count * 2 * access::groups(asks_extensions).len(), access::MOST_CHECKS);
            format!(
                "grants are asked for at admission, so keep the roles and bindings: {used} of the {most} questions that a \
                 policy can ask are used"
            )
        }
        Form::Claimed { asks_extensions } => format!(
            "{count} policies are more than the {} that can be asked for at admission: the policy that the annotation \
             `kubernetes.io/psp` names is judged and asked for, and no other",
            access::most_policies(asks_extensions)
        ),
        Form::Frozen => {
            let why = match plan.options.rbac {
                Some(_) => String::new(),
                None => format!(
                    " because {count} policies are more than the {} that can be asked for at admission",
                    access::most_policies(plan.rbac.asks_extensions())
                ),
            };
            format!(
                "grants are frozen as they were at conversion time{why}: later changes of roles and bindings have no effect"
            )
        }
    }
}

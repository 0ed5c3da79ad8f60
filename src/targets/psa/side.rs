//! Pod Security Admission as a side of a proof: the checks of the level that a namespace enforces.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::checks::{capabilities_baseline, sysctls};
use super::decide::PsaDecider;
use super::evaluate::PsaPod;
use super::level::LevelVersion;
use super::registry::{REGISTRY, members};
use crate::pod_view::{APP_ARMOR_ANNOTATION, CONTAINER_SECCOMP_ANNOTATION, POD_SECCOMP_ANNOTATION};
use crate::symbolic::{
    Answer, At, Constant, How, Oracle, Outcome, Reads, Side, Situations, Statement, Step, Subject, Unit, Unproven,
};

/// What is decided about the pods of one class of subjects.
pub(super) struct PsaSide<'a> {
    decider: &'a PsaDecider,
    /// What is enforced; `None` where nothing is.
    enforced: Option<LevelVersion>,
    /// The rule of each statement. One that looks at things by themselves has a statement for each: whoever looks at a
    /// part of a pod leaves the others absent, and what is absent violates nothing of such a rule.
    rules: Vec<usize>,
    statements: Vec<Statement>,
}

impl<'a> PsaSide<'a> {
    /// The side of a subject.
    ///
    /// # Errors
    /// A check of which nobody has written down what it looks at.
    pub fn new(decider: &'a PsaDecider, subject: &Subject) -> Result<Self, Unproven> {
        let enforced = decider.enforced(&subject.namespace, &subject.user);
        let (mut rules, mut statements) = (Vec::new(), Vec::new());
        let active = enforced.map_or(0, |policy| REGISTRY.rules(decider.as_understood(policy)));
        for rule in members(active) {
            let Some((check, _)) = REGISTRY.rule(rule) else { continue };
            let name = format!("PodSecurity {}", check.id);
            let parts = parts(check.id).ok_or_else(|| Unproven::new(&name, "what it looks at is not written down"))?;
            rules.extend(parts.iter().map(|_| rule));
            statements.extend(parts.into_iter().map(|units| Statement { rule: name.clone(), reads: reads(units) }));
        }
        if enforced.is_some() {
            let units = BTreeSet::from([spec("runtimeClassName")]);
            let constants = decider.exempt_runtime_classes().iter();
            let constant = |class: &String| Constant {
                unit: spec("runtimeClassName"),
                within: Vec::new(),
                value: json!(class),
                how: How::Equal,
            };
            let reads = Reads { units, constants: constants.map(constant).collect(), ..Reads::default() };
            statements.push(Statement { rule: "PodSecurity exemptions".to_owned(), reads });
        }
        Ok(Self { decider, enforced, rules, statements })
    }
}

impl Situations for PsaSide<'_> {
    fn of(&self, subject: &Subject) -> Vec<u8> {
        format!("{:?}", self.decider.enforced(&subject.namespace, &subject.user)).into_bytes()
    }

    fn mentioned(&self) -> BTreeSet<String> {
        self.decider.named()
    }

    fn left_open(&self, _namespace: &str) -> Option<BTreeSet<String>> {
        Some(self.mentioned())
    }

    fn is_for(&self, _namespace: &str) -> bool {
        true
    }
}

impl Side for PsaSide<'_> {
    fn statements(&self) -> &[Statement] {
        &self.statements
    }

    fn steps(&self) -> &[Step] {
        &[]
    }

    fn holds(&self, pod: &Value, statements: &[usize]) -> Vec<Answer<bool>> {
        let seen = PsaPod::read(pod);
        let holds = |statement: &usize| match self.rules.get(*statement) {
            Some(rule) => Ok(!seen.violates(*rule)),
            None => Ok(!self.decider.is_exempt(pod)),
        };
        statements.iter().map(holds).collect()
    }

    fn stepped(&self, _pod: &Value, _step: usize) -> Answer<Option<Value>> {
        Err("nothing is filled in".to_owned())
    }

    /// Every check holds, or the pod's runtime class is exempt.
    fn outcomes(&self, oracle: &mut dyn Oracle) -> Result<Vec<Outcome>, Unproven> {
        let mut checks = Vec::new();
        for rule in 0..self.rules.len() {
            checks.push(oracle.ask(At::SUBMITTED, rule)?);
        }
        let all = oracle.all(&checks);
        let when = match self.enforced {
            Some(_) => {
                let judged = oracle.ask(At::SUBMITTED, self.rules.len())?;
                let exempt = oracle.not(judged);
                oracle.any(&[all, exempt])
            }
            None => all,
        };
        Ok(vec![Outcome { when, at: At::SUBMITTED }])
    }
}

fn spec(key: &str) -> Unit {
    Unit::Pod(vec!["spec".to_owned(), key.to_owned()])
}

fn container(key: &str) -> Unit {
    Unit::Container(vec![key.to_owned()])
}

/// A field that pods and containers have.
fn both(key: &str) -> [Unit; 2] {
    [Unit::pod_context(key), Unit::context(key)]
}

/// What a part of a check looks at, and what it compares that with.
fn reads(units: Vec<Unit>) -> Reads {
    let constants = units.iter().flat_map(constants_of).collect();
    Reads { units: units.into_iter().collect(), constants, ..Reads::default() }
}

/// What each check looks at: what it looks at by itself apart. Every check asks the same of every container, volume and
/// item, for a given pod level.
fn parts(check: &str) -> Option<Vec<Vec<Unit>>> {
    let each = |units: &[Unit]| units.iter().map(|unit| vec![unit.clone()]).collect::<Vec<_>>();
    let with = |unit: Unit, units: &[Unit]| vec![[units, &[unit]].concat()];
    let own = |key| Unit::context(key);
    Some(match check {
        "allowPrivilegeEscalation" => with(spec("os"), &[own("allowPrivilegeEscalation")]),
        "procMount" => with(spec("hostUsers"), &[own("procMount")]),
        "procMount_restricted" => each(&[own("procMount")]),
        "appArmorProfile" => {
            let annotation = Unit::ContainerAnnotation(APP_ARMOR_ANNOTATION.to_owned());
            each(&[both("appArmorProfile").to_vec(), vec![annotation]].concat())
        }
        "capabilities_baseline" => each(&[own("capabilities")]),
        "capabilities_restricted" => with(spec("os"), &[own("capabilities")]),
        "hostNamespaces" => each(&["hostNetwork", "hostPID", "hostIPC"].map(spec)),
        "hostPathVolumes" | "restrictedVolumes" => each(&[Unit::Volume]),
        "hostPorts" => each(&[container("ports")]),
        "hostProbesAndHostLifecycle" => {
            each(&["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"].map(container))
        }
        "privileged" => each(&[own("privileged")]),
        "runAsUser" => both("runAsUser").into_iter().flat_map(|unit| with(spec("hostUsers"), &[unit])).collect(),
        // Containers that say nothing go by what the pod says.
        "runAsNonRoot" => with(spec("hostUsers"), &both("runAsNonRoot")),
        "seLinuxOptions" => each(&both("seLinuxOptions")),
        "seccompProfile_baseline" | "seccompProfile_restricted" => {
            let annotations = [
                Unit::annotation(POD_SECCOMP_ANNOTATION),
                Unit::ContainerAnnotation(CONTAINER_SECCOMP_ANNOTATION.to_owned()),
            ];
            with(spec("os"), &[both("seccompProfile").as_slice(), &annotations].concat())
        }
        "sysctls" => each(&[Unit::pod_context("sysctls")]),
        "windowsHostProcess" => each(&both("windowsOptions")),
        _ => return None,
    })
}

/// What the standards compare a unit with.
fn constants_of(unit: &Unit) -> Vec<Constant> {
    let last = match unit {
        Unit::Pod(path) | Unit::Container(path) => path.last().map(String::as_str).unwrap_or_default(),
        _ => "",
    };
    let compared: Vec<(&[&str], Value)> = match last {
        "os" => vec![(&["name"], json!("windows")), (&["name"], json!("linux"))],
        "windowsOptions" => vec![(&["hostProcess"], json!(true))],
        "capabilities" => {
            let names = capabilities_baseline::DEFAULTS.iter().chain(&["ALL", "NET_RAW"]);
            names.map(|name| (&["add", "[]"] as &[&str], json!(name))).collect()
        }
        "seLinuxOptions" => ["container_t", "container_init_t", "container_kvm_t", "container_engine_t"]
            .into_iter()
            .map(|name| (&["type"] as &[&str], json!(name)))
            .chain([(&["user"] as &[&str], json!("u")), (&["role"], json!("r"))])
            .collect(),
        "seccompProfile" | "appArmorProfile" => ["RuntimeDefault", "Unconfined", "Localhost"]
            .into_iter()
            .map(|name| (&["type"] as &[&str], json!(name)))
            .collect(),
        "sysctls" => sysctls::SAFE.iter().map(|(name, _)| (&["[]", "name"] as &[&str], json!(name))).collect(),
        "ports" => vec![(&["[]", "hostPort"], json!(1))],
        "procMount" => vec![(&[], json!("Default"))],
        "runAsUser" => vec![(&[], json!(0))],
        "livenessProbe" | "readinessProbe" | "startupProbe" => {
            vec![(&["httpGet", "host"], json!("h")), (&["tcpSocket", "host"], json!("h"))]
        }
        "lifecycle" => vec![
            (&["postStart", "httpGet", "host"], json!("h")),
            (&["postStart", "tcpSocket", "host"], json!("h")),
            (&["preStop", "httpGet", "host"], json!("h")),
            (&["preStop", "tcpSocket", "host"], json!("h")),
        ],
        _ => Vec::new(),
    };
    let constant = |(within, value): (&[&str], Value)| Constant {
        unit: unit.clone(),
        within: within.iter().map(|&step| step.to_owned()).collect(),
        value,
        how: How::Equal,
    };
    compared.into_iter().map(constant).collect()
}

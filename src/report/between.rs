//! What `compare` found: two sets of rules beside each other, class by class, and policies beside each other.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use super::style::{BAD, DIM, GOOD, HEAD, NOTE, paint};
use crate::input::{printable, without_defaults};
use crate::proof::{ClassProof, Difference, Proof, Rules, request};
use crate::relation::Relation;
use crate::report::text::printable_long;
use crate::symbolic::{Subject, Unproven};
use crate::yaml::to_yaml;

/// Two sets of rules, or the policies of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetComparison {
    /// What the first set is called.
    pub first: String,
    /// What the second set is called; nothing where the policies of one set are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// The findings about each class of subjects.
    pub classes: Vec<Findings>,
    /// The findings about policies beside each other.
    pub policies: Vec<PolicyFindings>,
    /// What the reader must know.
    pub notes: Vec<String>,
}

/// How the second set relates to the first, for a class of subjects.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// The relation of decisions.
    pub relation: Relation,
    /// Whether the resulting pods are the same; nothing where they are not compared or not proved.
    pub pods_equal: Option<bool>,
    /// Who: all of them, as far as names tell them apart.
    pub subjects: Vec<Subject>,
    /// A pod for each way to differ.
    pub witnesses: Vec<Witness>,
    /// Why something is not proved.
    pub reasons: Vec<Unproven>,
}

/// A pod that shows a difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Witness {
    /// The way to differ.
    pub difference: Difference,
    /// The pod to try, as somebody would write it.
    pub pod: Value,
    /// What the first side says.
    pub first: String,
    /// What the second side says.
    pub second: String,
}

/// Two policies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyFindings {
    /// One.
    pub first: String,
    /// The other.
    pub second: String,
    /// How the other relates to the one, for somebody who may use both.
    #[serde(flatten)]
    pub findings: Findings,
    /// What to make of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Findings {
    /// The findings about a class.
    pub fn of(class: ClassProof, first: Rules<'_>, second: Rules<'_>) -> Self {
        let ClassProof { class, proof: Proof { relation, pods_equal, reasons, witnesses } } = class;
        let witness = |(difference, pod): (Difference, Value)| {
            let request = request(&class.subject, pod);
            let says = |rules: Rules<'_>| rules.decide(&request).says;
            Witness { difference, first: says(first), second: says(second), pod: without_defaults(&request.pod) }
        };
        let witnesses = witnesses.into_iter().map(witness).collect();
        Self { relation, pods_equal, subjects: class.members, witnesses, reasons }
    }

    /// Whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.relation == Relation::Equal && self.pods_equal != Some(false)
    }
}

/// The relation of several classes together.
pub fn together<'f>(findings: impl IntoIterator<Item = &'f Findings>) -> Relation {
    findings.into_iter().map(|findings| findings.relation).fold(Relation::Equal, |all, one| match (all, one) {
        (Relation::Incomparable, _) | (_, Relation::Incomparable) => Relation::Incomparable,
        (Relation::Stricter, Relation::Looser) | (Relation::Looser, Relation::Stricter) => Relation::Incomparable,
        (Relation::Unproven, _) | (_, Relation::Unproven) => Relation::Unproven,
        (Relation::Equal, other) | (other, _) => other,
    })
}

impl SetComparison {
    /// How the second set relates to the first.
    pub fn relation(&self) -> Relation {
        together(&self.classes)
    }

    /// Whether the two sets are the same for everybody; policies of one set may well differ.
    pub fn is_equal(&self) -> bool {
        self.classes.iter().all(Findings::is_equal)
    }

    /// One object with stable keys.
    pub fn json(&self) -> Value {
        let mut json = json!(self);
        if let (Some(object), true) = (json.as_object_mut(), self.second.is_some()) {
            object.insert("relation".to_owned(), json!(self.relation()));
        }
        json
    }

    /// The findings for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for findings in self.classes.iter().filter(|findings| !findings.is_equal()) {
            out.push_str(&self.class(findings));
        }
        if self.second.is_some() && !self.policies.is_empty() {
            let _ = writeln!(out, "{}", paint(HEAD, "Policies of the same name"));
        }
        for pair in &self.policies {
            out.push_str(&pair.text(self.second.is_some()));
        }
        for note in &self.notes {
            let _ = writeln!(out, "{}", paint(DIM, format!("note: {note}")));
        }
        let _ = writeln!(out, "{}", self.headline());
        out
    }

    fn class(&self, findings: &Findings) -> String {
        let mut out = format!("{} for {}\n", paint(style(findings), word(findings)), subjects(&findings.subjects));
        let (first, second) = (self.first.as_str(), self.second.as_deref().unwrap_or_default());
        findings.witnesses.iter().for_each(|witness| out.push_str(&witness.text(first, second)));
        findings
            .reasons
            .iter()
            .for_each(|reason| out.push_str(&format!("    because: {}\n", printable_long(&reason.to_string()))));
        out
    }

    /// One line that tells the outcome and the next step.
    fn headline(&self) -> String {
        let Some(second) = &self.second else {
            let same = self.policies.iter().filter(|pair| pair.advice.is_some()).count();
            let head = paint(HEAD, format!("{}:", printable(&self.first)));
            return match same {
                0 => format!("{head} no policy is the same as another or contained in one"),
                _ => format!("{head} {same} of the pairs of policies can be merged"),
            };
        };
        let (count, equal) = (self.classes.len(), self.classes.iter().filter(|findings| findings.is_equal()).count());
        let outcome = match self.relation() {
            Relation::Equal if self.is_equal() => "may replace the first: nothing changes for any pod",
            Relation::Equal => "decides alike about every pod, and fills some in differently",
            Relation::Stricter => "denies pods that the first admits, and admits no others",
            Relation::Looser => "admits pods that the first denies, and denies no others",
            Relation::Incomparable => "admits pods that the first denies, and denies pods that it admits",
            Relation::Unproven => "could not be compared for every pod",
        };
        let head = paint(HEAD, format!("{} beside {}:", printable(second), printable(&self.first)));
        let overall = paint(if self.is_equal() { GOOD } else { BAD }, self.relation().word());
        format!("{head} {overall}; {outcome}; {equal} of {count} classes of subjects see no difference")
    }
}

impl PolicyFindings {
    fn text(&self, same_name: bool) -> String {
        let names = match same_name {
            true => format!("`{}`", printable(&self.first)),
            false => format!("`{}` beside `{}`", printable(&self.second), printable(&self.first)),
        };
        let mut out = format!("{} {names}\n", paint(style(&self.findings), word(&self.findings)));
        if let Some(advice) = &self.advice {
            let _ = writeln!(out, "    {advice}");
        }
        let (first, second) = if same_name { ("before", "after") } else { (self.first.as_str(), self.second.as_str()) };
        if self.advice.is_none() {
            self.findings.witnesses.iter().for_each(|witness| out.push_str(&witness.text(first, second)));
        }
        self.findings
            .reasons
            .iter()
            .for_each(|reason| out.push_str(&format!("    because: {}\n", printable_long(&reason.to_string()))));
        out
    }
}

impl Witness {
    fn text(&self, first: &str, second: &str) -> String {
        let mut out = String::new();
        for (name, says) in [(first, &self.first), (second, &self.second)] {
            let _ = writeln!(out, "    {}: {}", printable(name), printable_long(says));
        }
        let yaml = to_yaml(&self.pod).unwrap_or_default();
        yaml.lines().for_each(|line| out.push_str(&format!("      {line}\n")));
        out
    }
}

fn style(findings: &Findings) -> anstyle::Style {
    match findings.relation {
        _ if findings.is_equal() => GOOD,
        Relation::Equal | Relation::Unproven => NOTE,
        _ => BAD,
    }
}

fn word(findings: &Findings) -> &'static str {
    match findings.relation {
        Relation::Equal if findings.pods_equal == Some(false) => "filled in differently",
        relation => relation.word(),
    }
}

/// The first of them, and how many more there are.
fn subjects(subjects: &[Subject]) -> String {
    let shown = |subject: &Subject| {
        let user = match (subject.user.as_str(), subject.groups.as_slice()) {
            ("", [group, ..]) => format!("anyone in {}", printable(group)),
            ("", []) => "anyone".to_owned(),
            (user, _) => printable(user).into_owned(),
        };
        format!(
            "{user} in namespace {}, service account {}",
            printable(&subject.namespace),
            printable(&subject.account)
        )
    };
    let first = subjects.first().map(shown).unwrap_or_default();
    match subjects.len().checked_sub(1) {
        None | Some(0) => first,
        Some(more) => format!("{first}, and {more} more"),
    }
}

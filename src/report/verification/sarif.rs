//! The findings as SARIF 2.1.0, for code scanning.

use serde_json::{Value, json};

use super::{Agreement, Difference, TargetFindings, Verification};

impl Verification {
    /// The findings as one SARIF log with one run.
    pub fn sarif(&self) -> Value {
        let results: Vec<Value> = self.targets.iter().flat_map(TargetFindings::sarif).collect();
        let rules = RULES.map(|(kind, text)| json!({"id": id(kind), "shortDescription": {"text": text}}));
        json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {"name": "psp-migrate", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
                "results": results,
            }],
        })
    }
}

const RULES: [(Agreement, &str); 5] = [
    (Agreement::Stricter, "PodSecurityPolicy admits the pod, the target denies it"),
    (Agreement::Looser, "PodSecurityPolicy denies the pod, the target admits it"),
    (Agreement::FilledDifferently, "The target fills the pod in differently"),
    (Agreement::SeenOtherwise, "The newer server sees another pod than the old one did"),
    (Agreement::NotEvaluated, "The target could not be evaluated"),
];

fn id(kind: Agreement) -> Value {
    serde_json::to_value(kind).unwrap_or_default()
}

impl TargetFindings {
    fn sarif(&self) -> impl Iterator<Item = Value> {
        self.differences.iter().map(|difference| difference.sarif(&self.target))
    }
}

impl Difference {
    fn sarif(&self, target: &str) -> Value {
        let level = match self.kind {
            Agreement::SeenOtherwise => "note",
            Agreement::NotEvaluated => "warning",
            _ => "error",
        };
        let location = |(file, line)| json!({"physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": line}}});
        json!({
            "ruleId": id(self.kind),
            "level": level,
            "message": {"text": format!("{target}: {}: {}", self.title(), self.summary())},
            "locations": self.place().map(location).into_iter().collect::<Vec<_>>(),
        })
    }

    /// The file and line of `file:line` or `file:line:column`.
    fn place(&self) -> Option<(String, u32)> {
        let mut parts = self.source.rsplitn(3, ':').collect::<Vec<_>>();
        parts.reverse();
        let (file, line) = match parts.as_slice() {
            [file, line, column] if column.parse::<u32>().is_ok() && line.parse::<u32>().is_ok() => {
                ((*file).to_owned(), *line)
            }
            [front @ .., line] => (front.join(":"), *line),
            [] => return None,
        };
        let line = line.parse().ok().filter(|line| *line > 0)?;
        (!file.is_empty()).then(|| (uri(&file), line))
    }
}

/// A path as a relative URI reference.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

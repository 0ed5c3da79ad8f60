//! The report for programs: one object with stable keys.

use serde_json::{Value, json};

use super::Report;
use super::targets::{Compared, TargetReport};
use crate::targets::{Gap, Unsupported};

impl Report {
    /// One object with stable keys.
    pub fn json(&self) -> Value {
        json!({
            "summary": self.summary,
            "targets": self.targets.iter().map(target).collect::<Vec<_>>(),
            "classes": self.classes,
            "matrix": self.matrix,
            "policies": self.inspection.policies,
            "invalidObjects": self.inspection.invalid_objects,
            "warnings": self.inspection.warnings,
            "assumptions": self.assumptions,
        })
    }
}

fn target(target: &TargetReport) -> Value {
    json!({
        "target": target.name,
        "files": target.files,
        "notes": target.notes,
        "gaps": target.gaps.iter().map(gap).collect::<Vec<_>>(),
        "residual": target.residual,
        "verification": target.compared.as_ref().map(compared),
    })
}

fn compared(compared: &Compared) -> Value {
    json!({
        "relation": compared.relation,
        "rung": compared.rung,
        "compared": compared.requests,
        "counts": compared.counts,
        "differences": compared.differences,
        "proved": compared.proved,
        "unsupported": compared.unsupported.iter().map(unsupported).collect::<Vec<_>>(),
    })
}

/// A gap as one object.
pub(crate) fn gap(gap: &Gap) -> Value {
    json!({"code": gap.code, "policy": gap.policy, "control": gap.control, "message": gap.message, "witness": gap.witness})
}

/// A part of a document that cannot be evaluated, as one object.
pub(crate) fn unsupported(part: &Unsupported) -> Value {
    json!({"document": part.document, "path": part.path, "why": part.why})
}

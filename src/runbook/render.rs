//! The templates, and the helpers through which values get into them.

use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderError, RenderErrorReason, no_escape,
};
use serde_json::{Value, json};

use super::{Facts, Part, Step};
use crate::report::text::escaped;
use crate::shell::{one_line, quoted};

/// Every template with its name.
const TEMPLATES: [(&str, &str); 23] = [
    ("frame", include_str!("../../templates/runbook/frame.md.hbs")),
    ("save", include_str!("../../templates/runbook/save.md.hbs")),
    ("today", include_str!("../../templates/runbook/today.md.hbs")),
    ("fills", include_str!("../../templates/runbook/fills.md.hbs")),
    ("after-fills", include_str!("../../templates/runbook/after-fills.md.hbs")),
    ("psa-observe", include_str!("../../templates/runbook/psa-observe.md.hbs")),
    ("psa-enforce", include_str!("../../templates/runbook/psa-enforce.md.hbs")),
    ("gatekeeper-install", include_str!("../../templates/runbook/gatekeeper-install.md.hbs")),
    ("gatekeeper-upgrade", include_str!("../../templates/runbook/gatekeeper-upgrade.md.hbs")),
    ("kyverno-install", include_str!("../../templates/runbook/kyverno-install.md.hbs")),
    ("bridge", include_str!("../../templates/runbook/bridge.md.hbs")),
    ("bridge-off", include_str!("../../templates/runbook/bridge-off.md.hbs")),
    ("observe", include_str!("../../templates/runbook/observe.md.hbs")),
    ("stage", include_str!("../../templates/runbook/stage.md.hbs")),
    ("enforce", include_str!("../../templates/runbook/enforce.md.hbs")),
    ("permissive", include_str!("../../templates/runbook/permissive.md.hbs")),
    ("plug-in-off", include_str!("../../templates/runbook/plug-in-off.md.hbs")),
    ("delete", include_str!("../../templates/runbook/delete.md.hbs")),
    ("helm", include_str!("../../templates/runbook/helm.md.hbs")),
    ("upgrade", include_str!("../../templates/runbook/upgrade.md.hbs")),
    ("again", include_str!("../../templates/runbook/again.md.hbs")),
    ("namespaces", include_str!("../../templates/runbook/namespaces.md.hbs")),
    ("managed", include_str!("../../templates/runbook/managed.md.hbs")),
];

/// The templates, ready.
pub(super) struct Renderer {
    handlebars: Handlebars<'static>,
    broken: Option<RenderErrorReason>,
}

impl Renderer {
    pub(super) fn new() -> Self {
        let mut handlebars = Handlebars::new();
        handlebars.set_strict_mode(true);
        handlebars.register_escape_fn(no_escape);
        handlebars.register_helper("sh", Box::new(sh));
        handlebars.register_helper("md", Box::new(md));
        handlebars.register_helper("count", Box::new(count));
        let templates = TEMPLATES.iter().map(|(name, text)| handlebars.register_template_string(name, text));
        let broken = templates.collect::<Result<Vec<_>, _>>().err().map(RenderErrorReason::from);
        Self { handlebars, broken }
    }

    pub(super) fn runbook(mut self, facts: &Facts, parts: &[Part]) -> Result<String, RenderError> {
        if let Some(reason) = self.broken.take() {
            return Err(reason.into());
        }
        let mut out = self.handlebars.render("frame", facts)?;
        let mut number = 0;
        for part in parts {
            out += &format!("\n## {}\n", part.title);
            for step in &part.steps {
                number += 1;
                out += &self.step(number, step, facts)?;
            }
        }
        Ok(out)
    }

    fn step(&self, number: usize, step: Step, facts: &Facts) -> Result<String, RenderError> {
        let text = self.handlebars.render(step, facts)?;
        Ok(format!("\n### {number}. {}\n", text.trim_start_matches(['#', ' ']).trim_end()))
    }
}

/// A word of a shell line; a list becomes one word each. No name of the API has control characters; here they become
/// blanks, because a line that begins with backticks would end the block.
fn sh(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let word = |value: &Value| quoted(&one_line(&plain(value)));
    let words = match value(helper, "sh")? {
        Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(" "),
        other => word(other),
    };
    out.write(&words)?;
    Ok(())
}

/// Text in prose.
fn md(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    out.write(&escaped(&plain(value(helper, "md")?)))?;
    Ok(())
}

/// `1 pod`, `2 pods`: a number and what it counts.
fn count(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let number = value(helper, "count")?.as_u64().unwrap_or_default();
    let what = helper.param(1).map(|word| plain(word.value())).unwrap_or_default();
    let plural = match helper.param(2) {
        Some(word) => plain(word.value()),
        None => format!("{what}s"),
    };
    out.write(&format!("{number} {}", if number == 1 { &what } else { &plural }))?;
    Ok(())
}

fn value<'h>(helper: &'h Helper<'_>, name: &'static str) -> Result<&'h Value, RenderErrorReason> {
    let parameter = helper.param(0).filter(|parameter| !parameter.is_value_missing());
    parameter.map(|parameter| parameter.value()).ok_or(RenderErrorReason::ParamNotFoundForIndex(name, 0))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| json!(value).to_string(), str::to_owned)
}

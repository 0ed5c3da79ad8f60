//! `evaluate`: what PodSecurityPolicy, or another engine, decides for each pod.

use std::io::Write;

use anyhow::Result;
use serde_json::Value;

use super::engine::{Engine, engine};
use super::output::{counted, program, report_problems, tell};
use super::{Ending, reading, translation};
use crate::cli::{Evaluate, EvaluateFormat, FailOn, Switch};
use crate::cluster::{Cluster, Ignored};
use crate::input::{Inventory, Parsed, Problem, stream};
use crate::pod_view::PodView;
use crate::report::decision::{Decision, Word};
use crate::report::explanation::explanation;
use crate::report::style::{BAD, GOOD, HEAD, NOTE, paint};
use crate::requests::{PodRequest, RequestReader, impersonated};

pub(super) fn run(arguments: &Evaluate) -> Result<Ending> {
    let mut inventory = reading::inventory(&arguments.input.paths)?;
    let cluster = reading::cluster(&inventory, &arguments.input)?;
    let requester = arguments.as_user.as_deref().map(|user| impersonated(user, &arguments.as_groups));
    let minor = arguments.input.release().minor;
    let reader = RequestReader::new(&arguments.namespace, requester, minor).with_accounts(&inventory.service_accounts);
    let mut broken = report_problems(&std::mem::take(&mut inventory.problems));
    let namespaces = translation::namespaces(&inventory);
    let engine = engine(arguments, &inventory, &cluster, &namespaces)?;
    let judge = Judge { cluster: &cluster, reader: &reader, engine: engine.as_ref(), arguments };
    let mut printer = Printer::new(arguments.format);
    if arguments.pods.is_empty() {
        broken |= printer.print(judge.judge(requests_of(inventory)))?;
    } else {
        let mut failed = None;
        stream(
            &arguments.pods,
            |parsed| judge.judge(parsed),
            |batch| match printer.print(batch) {
                Ok(problem) => broken |= problem,
                Err(error) => drop(failed.get_or_insert(error)),
            },
        );
        failed.map_or(Ok(()), Err)?;
    }
    let totals = printer.finish()?;
    match &engine {
        Some(engine) => totals.report(&format!("decided {}", engine.origin)),
        None => totals.report(totals.next(&cluster, arguments)),
    }
    Ok(match arguments.fail_on {
        _ if totals.unknown > 0 => Ending::Incomplete,
        _ if broken && !arguments.input.keep_going => Ending::Incomplete,
        Some(FailOn::Denied) if totals.denied + totals.invalid > 0 => Ending::Different,
        _ => Ending::Equal,
    })
}

/// The pods, workloads and recorded requests among what was read.
fn requests_of(inventory: Inventory) -> Parsed {
    use crate::input::Class;
    let Inventory { pods, workloads, admission_reviews, audit_events, .. } = inventory;
    let class = |class, objects: Vec<_>| objects.into_iter().map(move |object| (class, object));
    let objects = class(Class::Pod, pods)
        .chain(class(Class::Workload, workloads))
        .chain(class(Class::AdmissionReview, admission_reviews))
        .chain(class(Class::AuditEvent, audit_events));
    Parsed { objects: objects.collect(), ..Parsed::default() }
}

struct Judge<'a> {
    cluster: &'a Cluster,
    reader: &'a RequestReader,
    /// Who decides in place of PodSecurityPolicy.
    engine: Option<&'a Engine<'a>>,
    arguments: &'a Evaluate,
}

/// Printed decisions, and what could not be decided.
#[derive(Default)]
struct Batch {
    decisions: Vec<(Word, bool, String)>,
    problems: Vec<Problem>,
}

impl Judge<'_> {
    fn judge(&self, parsed: Parsed) -> Batch {
        match self.engine {
            Some(engine) => self.ask(engine, parsed),
            None => self.decide(self.reader.requests(parsed)),
        }
    }

    fn ask(&self, engine: &Engine<'_>, parsed: Parsed) -> Batch {
        let mut batch = Batch { problems: parsed.problems, ..Batch::default() };
        for (class, object) in parsed.objects {
            match engine.decide(self.reader, class, object) {
                Ok(decisions) => batch.decisions.extend(decisions.into_iter().map(|decision| {
                    let (word, filled) = (decision.verdict, decision.is_filled());
                    let text = match self.arguments.format {
                        EvaluateFormat::Text => decision.text(),
                        _ if self.arguments.with_pod => json(&decision),
                        _ => json(&decision.without_pod()),
                    };
                    (word, filled, text)
                })),
                Err(problem) => batch.problems.push(problem),
            }
        }
        batch
    }

    fn decide(&self, (requests, problems): (Vec<PodRequest>, Vec<Problem>)) -> Batch {
        let mut batch = Batch { problems, ..Batch::default() };
        for mut request in requests {
            if self.arguments.admission_plugin == Switch::Off {
                request.ignored = request.ignored.or(Some(Ignored::PluginOff));
            }
            match Decision::of(self.cluster, &request) {
                Ok(decision) => {
                    let text = self.text(&decision, &request);
                    batch.decisions.push((decision.verdict, decision.is_filled(), text));
                }
                Err(error) => batch.problems.push(Problem::error("undecodable-pod", request.source, error.to_string())),
            }
        }
        batch
    }

    fn text(&self, decision: &Decision, request: &PodRequest) -> String {
        match self.arguments.format {
            EvaluateFormat::Text if self.arguments.explain => {
                let view = PodView::read(&request.pod, self.cluster.plugin().release()).ok();
                let explained = view.filter(|_| decision.verdict != Word::Ignored);
                let why = explained.map(|view| explanation(self.cluster, request, &view)).unwrap_or_default();
                decision.text(&request.pod) + &why
            }
            EvaluateFormat::Text => decision.text(&request.pod),
            _ if self.arguments.with_pod => json(decision),
            _ => json(&Decision { pod: None, ..decision.clone() }),
        }
    }
}

/// One line of JSON.
fn json(decision: &impl serde::Serialize) -> String {
    serde_json::to_value(decision).as_ref().map(Value::to_string).unwrap_or_default()
}

/// Prints decisions as they come.
struct Printer {
    format: EvaluateFormat,
    out: std::io::BufWriter<anstream::AutoStream<std::io::StdoutLock<'static>>>,
    totals: Totals,
}

/// How many requests ended how.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    admitted: usize,
    filled: usize,
    denied: usize,
    invalid: usize,
    ignored: usize,
    unknown: usize,
}

impl Printer {
    fn new(format: EvaluateFormat) -> Self {
        let out = std::io::BufWriter::new(anstream::stdout().lock());
        Self { format, out, totals: Totals::default() }
    }

    /// Prints a batch, and tells whether some of it could not be decided.
    fn print(&mut self, batch: Batch) -> Result<bool> {
        for (word, filled, text) in batch.decisions {
            match self.format {
                EvaluateFormat::Text => writeln!(self.out, "{text}")?,
                EvaluateFormat::Ndjson => writeln!(self.out, "{text}")?,
                EvaluateFormat::Json => {
                    let separator = if self.totals.count() == 0 { "[" } else { "," };
                    write!(self.out, "{separator}\n{text}")?;
                }
            }
            self.totals.add(word, filled);
        }
        Ok(report_problems(&batch.problems))
    }

    fn finish(mut self) -> Result<Totals> {
        if self.format == EvaluateFormat::Json {
            writeln!(self.out, "{}", if self.totals.count() == 0 { "[]" } else { "\n]" })?;
        }
        self.out.flush()?;
        Ok(self.totals)
    }
}

impl Totals {
    fn add(&mut self, word: Word, filled: bool) {
        match word {
            Word::Admitted => self.admitted += 1,
            Word::Denied => self.denied += 1,
            Word::Invalid => self.invalid += 1,
            Word::Ignored => self.ignored += 1,
            Word::Unknown => self.unknown += 1,
        }
        self.filled += usize::from(filled);
    }

    fn count(&self) -> usize {
        self.admitted + self.denied + self.invalid + self.ignored + self.unknown
    }

    /// One line that tells the outcome, and what to do next.
    fn report(&self, next: &str) {
        let admitted = paint(GOOD, format!("{} admitted", self.admitted));
        let denied = paint(if self.denied > 0 { BAD } else { GOOD }, format!("{} denied", self.denied));
        let mut parts = vec![format!("{admitted} ({} filled in)", self.filled), denied];
        for (count, what) in
            [(self.invalid, "invalid"), (self.ignored, "ignored"), (self.unknown, "that cannot be evaluated")]
        {
            if count > 0 {
                parts.push(paint(NOTE, format!("{count} {what}")));
            }
        }
        let requests = paint(HEAD, counted(self.count(), "request"));
        let next = next.replace("`psp-migrate ", &format!("`{} ", program()));
        tell(format!("{requests}: {}; {next}", parts.join(", ")));
    }

    fn next(&self, cluster: &Cluster, arguments: &Evaluate) -> &'static str {
        if self.count() == 0 {
            return "there is nothing to decide: name pods or workloads with --pods";
        }
        if arguments.admission_plugin == Switch::Off {
            return "the plug-in is off, so every pod passes PodSecurityPolicy; leave --admission-plugin out to see what the policies say";
        }
        if cluster.policies().is_empty() {
            return "there is no PodSecurityPolicy, and with the plug-in on that admits no pod at all; was it read? try `psp-migrate inspect`";
        }
        if self.denied + self.invalid > 0 && !arguments.explain {
            return "add --explain to see every usable policy, or run `psp-migrate inspect` to see who may use which";
        }
        "run `psp-migrate inspect` to see who may use which policy"
    }
}

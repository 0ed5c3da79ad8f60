//! Sorts the objects of a document out: flattens lists, keeps what matters, counts the rest, and holds each object
//! against its API type.

use std::cell::OnceCell;

use serde_json::Value;

use super::documents::RawDocument;
use super::kind::{Class, Kind, kind};
use super::locate::{Part, Place, locate};
use super::parse::{Parsed, Section, narrow, template};
use super::position::{Source, Sourced};
use super::problem::{Problem, Severity, printable};
use crate::schema::{FieldPath, Finding, FindingKind, Segment, check, object_type};

/// Adds the section's objects and problems to `parsed`, the problems in the order of their places.
pub(super) fn sort_out(mut section: Section<'_>, raw: &RawDocument, parsed: &mut Parsed) {
    let value = std::mem::take(&mut section.value);
    let first = parsed.problems.len();
    let mut sorter = Sorter { section: &section, raw, parsed, unplaced: Vec::new(), lines: OnceCell::new() };
    sorter.duplicates();
    let line = sorter.line_of_content();
    sorter.any(Found { value, path: Vec::new(), line });
    sorter.place();
    if let Some(problems) = parsed.problems.get_mut(first..) {
        problems.sort_by(|a, b| a.source.cmp(&b.source));
    }
}

/// A problem whose place is still a path.
struct Unplaced {
    path: Vec<Segment>,
    part: Part,
    problem: Problem,
}

/// Sorts the objects of a section out and collects what is wrong with them.
struct Sorter<'a> {
    section: &'a Section<'a>,
    raw: &'a RawDocument,
    parsed: &'a mut Parsed,
    unplaced: Vec<Unplaced>,
    /// The text's lines, once they are needed.
    lines: OnceCell<Vec<&'a str>>,
}

/// An object on its way: what a list says of its elements, and where it stands.
struct Found {
    value: Value,
    path: Vec<Segment>,
    line: u32,
}

impl Sorter<'_> {
    /// The first line that is neither blank nor comment nor separator.
    fn line_of_content(&self) -> u32 {
        let says_nothing =
            |line: &str| line.trim().is_empty() || line.starts_with("---") || line.trim_start().starts_with('#');
        self.section
            .first_line
            .saturating_add(narrow(self.section.text.lines().take_while(|line| says_nothing(line)).count()))
    }

    fn source(&self, line: u32) -> Source {
        Source::line(&self.raw.file, line)
    }

    fn duplicates(&mut self) {
        for duplicate in &self.section.duplicates {
            let place = Place { line: duplicate.line, column: duplicate.column, width: duplicate.key.chars().count() };
            let message = format!("`{}` stands here twice; the last one counts", printable(&duplicate.key));
            let problem = Problem::warning("duplicate-key", self.source(0), message);
            self.parsed.problems.push(self.at(problem, place));
        }
        if let Some(line) = self.section.unread {
            let problem = Problem::warning("unread", self.source(0), "what follows `...` is not read, as by kubectl");
            let problem = self.at(problem.help("begin a document with `---`"), Place { line, column: 1, width: 1 });
            self.parsed.problems.push(problem);
        }
    }

    fn at(&self, mut problem: Problem, place: Place) -> Problem {
        problem.source.line = self.section.first_line.saturating_add(narrow(place.line)).saturating_sub(1);
        problem.source.column = narrow(place.column);
        let lines = self.lines.get_or_init(|| self.section.text.lines().collect());
        problem.underline(lines.get(place.line.saturating_sub(1)).copied().unwrap_or(""), place.width)
    }

    fn report(&mut self, path: Vec<Segment>, part: Part, problem: Problem) {
        self.unplaced.push(Unplaced { path, part, problem });
    }

    /// An object, a list of objects, or nothing.
    fn any(&mut self, found: Found) {
        if found.value.is_null() {
            return;
        }
        if !found.value.is_object() {
            let problem = Problem::error(
                "not-an-object",
                self.source(found.line),
                "this is no Kubernetes object: it is no mapping",
            );
            return self.report(found.path, Part::Value, problem);
        }
        match text(&found.value, "kind").strip_suffix("List") {
            Some(element) if found.value.get("items").is_none_or(|items| items.is_array() || items.is_null()) => {
                let element = element.to_owned();
                self.list(found, &element);
            }
            _ => self.object(found),
        }
    }

    fn list(&mut self, mut list: Found, element: &str) {
        let api_version = text(&list.value, "apiVersion").to_owned();
        let Some(Value::Array(items)) = list.value.get_mut("items").map(Value::take) else {
            return;
        };
        for (index, value) in items.into_iter().enumerate() {
            let value = typed_element(value, element, &api_version);
            let mut path = list.path.clone();
            path.extend([Segment::Field("items".to_owned()), Segment::Index(index)]);
            let own_line = self.section.item_lines.get(index).filter(|_| list.path.is_empty());
            let line =
                own_line.map_or(list.line, |line| self.section.first_line.saturating_add(*line).saturating_sub(1));
            self.any(Found { value, path, line });
        }
    }

    fn object(&mut self, found: Found) {
        let (api_version, name) = (text(&found.value, "apiVersion"), text(&found.value, "kind"));
        if api_version.is_empty() || name.is_empty() {
            return self.untyped(found);
        }
        match kind(api_version, name) {
            Kind::Known(Class::AuditEvent) if !carries_object(&found.value) => self.count(name),
            Kind::Known(class) => self.known(class, found),
            Kind::Other => self.count(name),
            Kind::NoSuchVersion => {
                let message = format!("`{}` has no {name} in any release; skipped", printable(api_version));
                let problem = Problem::warning("no-such-version", self.source(found.line), message);
                self.report(child(found.path, "apiVersion"), Part::Value, problem);
            }
            Kind::Misspelled(meant) => {
                let message = format!("`{}` is no kind of `{}`; skipped", printable(name), printable(api_version));
                let problem = Problem::warning("unknown-kind", self.source(found.line), message)
                    .help(format!("did you mean `{meant}`?"));
                self.report(child(found.path, "kind"), Part::Value, problem);
            }
        }
    }

    fn count(&mut self, kind: &str) {
        *self.parsed.others.entry(kind.to_owned()).or_insert(0) += 1;
    }

    /// Values files and the like are only skipped; half a type is a mistake.
    fn untyped(&mut self, found: Found) {
        let has = |field: &str| found.value.get(field).is_some();
        let is_chart = has("apiVersion") && has("name") && has("version");
        let problem = match (has("apiVersion") || has("kind")) && !is_chart {
            true => Problem::error(
                "not-an-object",
                self.source(found.line),
                "an object needs both `apiVersion` and `kind`, as text",
            ),
            false => {
                Problem::warning("not-an-object", self.source(found.line), "this is no Kubernetes object; skipped")
            }
        };
        self.report(found.path, Part::Value, problem);
    }

    fn known(&mut self, class: Class, found: Found) {
        let before = self.unplaced.len();
        self.check_type(class, &found);
        self.check_name(class, &found);
        let refused = self.unplaced.iter().skip(before).any(|it| it.problem.severity == Severity::Error);
        if !refused {
            let source = self.source(found.line);
            self.parsed.objects.push((class, Sourced { value: found.value, source }));
        }
    }

    fn check_type(&mut self, class: Class, found: &Found) {
        if matches!(class, Class::AdmissionReview | Class::AuditEvent) {
            return self.check_request(class, found);
        }
        if let Some(of) = object_type(text(&found.value, "apiVersion"), text(&found.value, "kind")) {
            for finding in check(of, &found.value) {
                self.finding(&found.path, finding, found.line);
            }
        }
    }

    /// A pod that has been through a server: it can be of a wrong type only if somebody wrote it by hand.
    fn check_request(&mut self, class: Class, found: &Found) {
        let request = if class == Class::AdmissionReview { found.value.get("request") } else { Some(&found.value) };
        let Some(request) = request.filter(|request| request.is_object()) else {
            let problem =
                Problem::error("wrong-type", self.source(found.line), "an AdmissionReview without a `request`");
            return self.report(found.path.clone(), Part::Value, problem);
        };
        for field in ["object", "oldObject", "requestObject"] {
            let object = request.get(field).unwrap_or(&Value::Null);
            let Some(of) = object_type(text(object, "apiVersion"), text(object, "kind")) else {
                continue;
            };
            let path =
                if class == Class::AdmissionReview { child(found.path.clone(), "request") } else { found.path.clone() };
            let wrong =
                check(of, object).into_iter().filter(|finding| matches!(finding.kind, FindingKind::WrongType { .. }));
            wrong.for_each(|finding| self.finding(&child(path.clone(), field), finding, found.line));
        }
    }

    fn finding(&mut self, prefix: &[Segment], finding: Finding, line: u32) {
        // What a server says of an object's state is not the user's to mend.
        let in_status = finding.path.0.first() == Some(&Segment::Field("status".to_owned()));
        let path = finding.path.to_string();
        let path = printable(&path);
        let (problem, part) = match finding.kind {
            FindingKind::WrongType { expected, got } => {
                let message = format!("`{path}` takes {expected}, not {}", printable(&got));
                let is_word = expected == "a string" && got.ends_with('`');
                let help = is_word.then(|| "YAML reads this word so: put it in quotes".to_owned());
                (Problem { help, ..Problem::error("wrong-type", self.source(line), message) }, Part::Value)
            }
            _ if in_status => return,
            FindingKind::UnknownField { suggestion } => {
                let problem = Problem::warning(
                    "unknown-field",
                    self.source(line),
                    format!("unknown field `{path}`: the API server drops it"),
                );
                (Problem { help: suggestion, ..problem }, Part::Key)
            }
            FindingKind::NewerThan124 => {
                let message = format!(
                    "Kubernetes 1.24 does not know the field `{path}`: a server with PodSecurityPolicy drops it"
                );
                (Problem::warning("newer-field", self.source(line), message), Part::Key)
            }
        };
        let path = prefix.iter().cloned().chain(finding.path.0).collect();
        self.report(path, part, problem);
    }

    fn check_name(&mut self, class: Class, found: &Found) {
        let metadata = found.value.get("metadata").unwrap_or(&Value::Null);
        let (name, generated) = (text(metadata, "name"), text(metadata, "generateName"));
        let needed = match class {
            Class::Pod | Class::AdmissionReview | Class::AuditEvent => false,
            Class::Workload => generated.is_empty(),
            _ => true,
        };
        if [name, generated, text(metadata, "namespace")].iter().any(|text| text.contains("{{")) {
            let problem = template(self.source(found.line));
            self.report(child(found.path.clone(), "metadata"), Part::Key, problem);
        } else if needed && name.is_empty() {
            let message = format!("a {} without a `metadata.name`", text(&found.value, "kind"));
            let problem = Problem::error("no-name", self.source(found.line), message);
            self.report(child(found.path.clone(), "metadata"), Part::Key, problem);
        }
    }

    /// Finds the places of all problems in one walk over the text.
    fn place(mut self) {
        if self.unplaced.is_empty() {
            return;
        }
        let unplaced = std::mem::take(&mut self.unplaced);
        let (wanted, problems): (Vec<_>, Vec<_>) =
            unplaced.into_iter().map(|it| ((FieldPath(it.path), it.part), it.problem)).unzip();
        for (problem, place) in problems.into_iter().zip(locate(self.section.text, &wanted)) {
            let problem = match place {
                Some(place) => self.at(problem, place),
                None => problem,
            };
            self.parsed.problems.push(problem);
        }
    }
}

/// An element of a list of this kind: those of a typed list may leave their type to it.
pub(super) fn typed_element(mut value: Value, kind: &str, api_version: &str) -> Value {
    if let (Some(fields), false) = (value.as_object_mut(), kind.is_empty()) {
        fields.entry("kind").or_insert_with(|| kind.into());
        fields.entry("apiVersion").or_insert_with(|| api_version.into());
    }
    value
}

/// An audit event of the level `Request` or more, of the stage at which the request came or at which it was answered.
fn carries_object(event: &Value) -> bool {
    let has_object = event.get("requestObject").is_some_and(Value::is_object);
    has_object && matches!(text(event, "stage"), "RequestReceived" | "ResponseComplete" | "Panic")
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or("")
}

fn child(mut path: Vec<Segment>, field: &str) -> Vec<Segment> {
    path.push(Segment::Field(field.to_owned()));
    path
}

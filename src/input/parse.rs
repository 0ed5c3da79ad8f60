//! From a document's text to its objects: lists flattened, each object held against its API type, every problem told
//! with its place. A function of the text alone; it never fails, it reports.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::documents::RawDocument;
use super::kind::{Class, Kind, kind};
use super::locate::{Part, Place, locate};
use super::position::{Source, Sourced};
use super::problem::{Problem, Severity, printable};
use super::{json, yaml};
use crate::schema::{FieldPath, Finding, FindingKind, Segment, check, object_type};

/// What one document holds.
#[derive(Debug, Default)]
pub struct Parsed {
    /// The objects that matter, in the document's order.
    pub objects: Vec<(Class, Sourced<Value>)>,
    /// How many objects of other kinds there were.
    pub others: BTreeMap<String, usize>,
    /// What is wrong with the document and its objects.
    pub problems: Vec<Problem>,
}

/// Reads a document. Objects that a server would refuse take no part; each is a problem.
pub fn parse(raw: &RawDocument) -> Parsed {
    let mut parsed = Parsed::default();
    match values(raw) {
        Ok(sections) => sections
            .into_iter()
            .for_each(|section| section.sort_out(raw, &mut parsed)),
        Err(fault) => parsed.problems.push(unreadable(raw, &fault)),
    }
    parsed
}

/// Every object of the document, of whatever kind, lists taken apart.
pub(super) fn objects(raw: &RawDocument) -> Result<Vec<Sourced<Value>>, Problem> {
    let mut objects = Vec::new();
    for section in values(raw).map_err(|fault| unreadable(raw, &fault))? {
        let source = Source::line(&raw.file, section.first_line);
        flatten(section.value, &source, &mut objects);
    }
    Ok(objects)
}

fn flatten(mut value: Value, source: &Source, objects: &mut Vec<Sourced<Value>>) {
    let is_list = value
        .get("kind")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.ends_with("List"));
    match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => items.into_iter().for_each(|item| flatten(item, source, objects)),
        _ if value.is_object() => objects.push(Sourced {
            value,
            source: source.clone(),
        }),
        _ => {}
    }
}

/// A value of the document with the text that it was read from.
struct Section<'a> {
    text: &'a str,
    first_line: u32,
    value: Value,
    item_lines: Vec<u32>,
    duplicates: Vec<yaml::Duplicate>,
    unread: Option<usize>,
}

/// YAML is one value; JSON may be several, one after the other.
fn values(raw: &RawDocument) -> Result<Vec<Section<'_>>, yaml::Fault> {
    let body = raw.body().1.trim_start();
    if !body.starts_with(['{', '[']) {
        return yaml_section(raw).map(|section| vec![section]);
    }
    json_sections(raw).or_else(|fault| {
        // Flow-style YAML looks much like JSON, but not after a quoted first key.
        let is_json = raw.file.trim_end_matches(".gz").ends_with("json") || body.starts_with("{\"");
        match fault {
            JsonFault::Content(fault) => Err(fault),
            JsonFault::Syntax(fault) => yaml_section(raw)
                .map(|section| vec![section])
                .map_err(|other| if is_json { fault } else { other }),
        }
    })
}

fn yaml_section(raw: &RawDocument) -> Result<Section<'_>, yaml::Fault> {
    let yaml::Loaded {
        value,
        duplicates,
        item_lines,
        unread,
    } = yaml::load(&raw.text)?;
    Ok(Section {
        text: &raw.text,
        first_line: raw.first_line,
        value,
        item_lines,
        duplicates,
        unread,
    })
}

enum JsonFault {
    /// The text is no JSON.
    Syntax(yaml::Fault),
    /// It is, and its content is not acceptable.
    Content(yaml::Fault),
}

fn json_sections(raw: &RawDocument) -> Result<Vec<Section<'_>>, JsonFault> {
    let mut sections = Vec::new();
    let (mut first_line, mut rest) = raw.body();
    while !rest.trim_start().is_empty() {
        let blank = rest.len() - rest.trim_start().len();
        let (skipped, text) = rest.split_at_checked(blank).unwrap_or(("", rest));
        first_line = first_line.saturating_add(newlines(skipped));
        let (loaded, end) = json::load(text).map_err(|error| JsonFault::of(&error, first_line - raw.first_line))?;
        let (text, after) = text.split_at_checked(end).unwrap_or((text, ""));
        let duplicates = match loaded.has_duplicates {
            true => yaml::load(text).map(|loaded| loaded.duplicates).unwrap_or_default(),
            false => Vec::new(),
        };
        let item_lines = Vec::new();
        sections.push(Section {
            text,
            first_line,
            value: loaded.value,
            item_lines,
            duplicates,
            unread: None,
        });
        first_line = first_line.saturating_add(newlines(text));
        rest = after;
    }
    Ok(sections)
}

impl JsonFault {
    fn of(error: &serde_json::Error, lines_before: u32) -> Self {
        let text = error.to_string();
        let message = text
            .rsplit_once(" at line ")
            .map_or(text.as_str(), |(message, _)| message);
        let message = match message {
            "recursion limit exceeded" => format!("nested deeper than {} levels", yaml::DEEPEST),
            other if error.is_data() => other.to_owned(),
            other => other.to_lowercase(),
        };
        let fault = yaml::Fault {
            line: error.line() + lines_before as usize,
            column: error.column().max(1),
            message,
        };
        if error.is_data() {
            Self::Content(fault)
        } else {
            Self::Syntax(fault)
        }
    }
}

fn newlines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX)
}

fn unreadable(raw: &RawDocument, fault: &yaml::Fault) -> Problem {
    let line = raw.first_line.saturating_add(narrow(fault.line)).saturating_sub(1);
    let source = Source {
        file: raw.file.clone(),
        line,
        column: narrow(fault.column),
    };
    let line = raw.text.lines().nth(fault.line.saturating_sub(1)).unwrap_or("");
    if raw.text.contains("{{") && raw.text.contains("}}") {
        return template(source).underline(line, 1);
    }
    let problem = Problem::error("syntax", source, fault.message.clone()).underline(line, 1);
    match fault.message.as_str() {
        "mapping values are not allowed in this context" => problem.help("put a value that holds `: ` in quotes"),
        message if message.contains("tab") => problem.help("indent with blanks"),
        _ => problem,
    }
}

fn template(source: Source) -> Problem {
    Problem::error("template", source, "this is the source of a template, not YAML yet")
        .help("render it first, e.g. `helm template CHART | psp-migrate … -`")
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
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

impl Section<'_> {
    fn sort_out(mut self, raw: &RawDocument, parsed: &mut Parsed) {
        let value = std::mem::take(&mut self.value);
        let first = parsed.problems.len();
        let mut sorter = Sorter {
            section: &self,
            raw,
            parsed,
            unplaced: Vec::new(),
            lines: OnceCell::new(),
        };
        sorter.duplicates();
        let line = sorter.line_of_content();
        sorter.any(Found {
            value,
            path: Vec::new(),
            line,
        });
        sorter.place();
        if let Some(problems) = parsed.problems.get_mut(first..) {
            problems.sort_by(|a, b| a.source.cmp(&b.source));
        }
    }
}

impl Sorter<'_> {
    /// The first line that is neither blank nor comment nor separator.
    fn line_of_content(&self) -> u32 {
        let says_nothing =
            |line: &str| line.trim().is_empty() || line.starts_with("---") || line.trim_start().starts_with('#');
        self.section.first_line.saturating_add(narrow(
            self.section.text.lines().take_while(|line| says_nothing(line)).count(),
        ))
    }

    fn source(&self, line: u32) -> Source {
        Source::line(&self.raw.file, line)
    }

    fn duplicates(&mut self) {
        for duplicate in &self.section.duplicates {
            let place = Place {
                line: duplicate.line,
                column: duplicate.column,
                width: duplicate.key.chars().count(),
            };
            let message = format!("`{}` stands here twice; the last one counts", printable(&duplicate.key));
            let problem = Problem::warning("duplicate-key", self.source(0), message);
            self.parsed.problems.push(self.at(problem, place));
        }
        if let Some(line) = self.section.unread {
            let problem = Problem::warning(
                "unread",
                self.source(0),
                "what follows `...` is not read, as by kubectl",
            );
            let problem = self.at(
                problem.help("begin a document with `---`"),
                Place {
                    line,
                    column: 1,
                    width: 1,
                },
            );
            self.parsed.problems.push(problem);
        }
    }

    fn at(&self, mut problem: Problem, place: Place) -> Problem {
        problem.source.line = self
            .section
            .first_line
            .saturating_add(narrow(place.line))
            .saturating_sub(1);
        problem.source.column = narrow(place.column);
        let lines = self.lines.get_or_init(|| self.section.text.lines().collect());
        problem.underline(
            lines.get(place.line.saturating_sub(1)).copied().unwrap_or(""),
            place.width,
        )
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
            Some(element)
                if found
                    .value
                    .get("items")
                    .is_none_or(|items| items.is_array() || items.is_null()) =>
            {
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
        for (index, mut value) in items.into_iter().enumerate() {
            // The elements of a typed list may leave their type to it.
            if let (Some(fields), false) = (value.as_object_mut(), element.is_empty()) {
                fields.entry("kind").or_insert_with(|| element.into());
                fields.entry("apiVersion").or_insert_with(|| api_version.clone().into());
            }
            let mut path = list.path.clone();
            path.extend([Segment::Field("items".to_owned()), Segment::Index(index)]);
            let own_line = self.section.item_lines.get(index).filter(|_| list.path.is_empty());
            let line = own_line.map_or(list.line, |line| {
                self.section.first_line.saturating_add(*line).saturating_sub(1)
            });
            self.any(Found { value, path, line });
        }
    }

    fn object(&mut self, found: Found) {
        let (api_version, name) = (text(&found.value, "apiVersion"), text(&found.value, "kind"));
        if api_version.is_empty() || name.is_empty() {
            return self.untyped(found);
        }
        match kind(api_version, name) {
            Kind::Known(class) => self.known(class, found),
            Kind::Other => *self.parsed.others.entry(name.to_owned()).or_insert(0) += 1,
            Kind::NoSuchVersion => {
                let message = format!("`{}` has no {name} in any release; skipped", printable(api_version));
                let problem = Problem::warning("no-such-version", self.source(found.line), message);
                self.report(child(found.path, "apiVersion"), Part::Value, problem);
            }
            Kind::Misspelled(meant) => {
                let message = format!(
                    "`{}` is no kind of `{}`; skipped",
                    printable(name),
                    printable(api_version)
                );
                let problem = Problem::warning("unknown-kind", self.source(found.line), message)
                    .help(format!("did you mean `{meant}`?"));
                self.report(child(found.path, "kind"), Part::Value, problem);
            }
        }
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
            false => Problem::warning(
                "not-an-object",
                self.source(found.line),
                "this is no Kubernetes object; skipped",
            ),
        };
        self.report(found.path, Part::Value, problem);
    }

    fn known(&mut self, class: Class, found: Found) {
        let before = self.unplaced.len();
        self.check_type(class, &found);
        self.check_name(class, &found);
        let refused = self
            .unplaced
            .iter()
            .skip(before)
            .any(|it| it.problem.severity == Severity::Error);
        if !refused {
            let source = self.source(found.line);
            self.parsed.objects.push((
                class,
                Sourced {
                    value: found.value,
                    source,
                },
            ));
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
        let request = if class == Class::AdmissionReview {
            found.value.get("request")
        } else {
            Some(&found.value)
        };
        let Some(request) = request.filter(|request| request.is_object()) else {
            let problem = Problem::error(
                "wrong-type",
                self.source(found.line),
                "an AdmissionReview without a `request`",
            );
            return self.report(found.path.clone(), Part::Value, problem);
        };
        for field in ["object", "oldObject", "requestObject"] {
            let object = request.get(field).unwrap_or(&Value::Null);
            let Some(of) = object_type(text(object, "apiVersion"), text(object, "kind")) else {
                continue;
            };
            let path = if class == Class::AdmissionReview {
                child(found.path.clone(), "request")
            } else {
                found.path.clone()
            };
            let wrong = check(of, object)
                .into_iter()
                .filter(|finding| matches!(finding.kind, FindingKind::WrongType { .. }));
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
                (
                    Problem {
                        help,
                        ..Problem::error("wrong-type", self.source(line), message)
                    },
                    Part::Value,
                )
            }
            _ if in_status => return,
            FindingKind::UnknownField { suggestion } => {
                let problem = Problem::warning(
                    "unknown-field",
                    self.source(line),
                    format!("unknown field `{path}`: the API server drops it"),
                );
                (
                    Problem {
                        help: suggestion,
                        ..problem
                    },
                    Part::Key,
                )
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
        if [name, generated, text(metadata, "namespace")]
            .iter()
            .any(|text| text.contains("{{"))
        {
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
        let (wanted, problems): (Vec<_>, Vec<_>) = unplaced
            .into_iter()
            .map(|it| ((FieldPath(it.path), it.part), it.problem))
            .unzip();
        for (problem, place) in problems.into_iter().zip(locate(self.section.text, &wanted)) {
            let problem = match place {
                Some(place) => self.at(problem, place),
                None => problem,
            };
            self.parsed.problems.push(problem);
        }
    }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or("")
}

fn child(mut path: Vec<Segment>, field: &str) -> Vec<Segment> {
    path.push(Segment::Field(field.to_owned()));
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parsed {
        parse(&RawDocument {
            file: "f.yaml".into(),
            first_line: 11,
            text: text.to_owned(),
        })
    }

    fn problems(text: &str) -> Vec<String> {
        read(text).problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_unknown_field_is_a_warning_with_place_and_suggestion() {
        let text = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - securityContext:\n      priviledged: yes\n";
        let parsed = read(text);
        assert_eq!(parsed.objects.len(), 1);
        assert_eq!(parsed.objects[0].1.source.to_string(), "f.yaml:12");
        let expected = "f.yaml:18:7: warning: unknown field `spec.containers[0].securityContext.priviledged`: the API server drops it \
            (did you mean `privileged`?)";
        assert_eq!(parsed.problems[0].to_string(), expected);
        let excerpt = parsed.problems[0].excerpt.as_ref().unwrap();
        assert_eq!(&excerpt.text[excerpt.start..excerpt.end], "priviledged");
    }

    #[test]
    fn a_wrong_type_keeps_the_object_out() {
        let parsed = read(
            "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: a}\nspec:\n  privileged: \"yes\"\n",
        );
        assert_eq!(parsed.objects, []);
        assert_eq!(
            parsed.problems[0].to_string(),
            "f.yaml:15:15: error: `spec.privileged` takes a boolean, not the string `\"yes\"`"
        );
    }

    #[test]
    fn lists_of_any_kind_are_flattened() {
        let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service}\n- apiVersion: v1\n  kind: PodList\n  items:\n  - metadata: {name: a}\n- 3\n";
        let parsed = read(text);
        assert_eq!(parsed.objects[0].1.value["kind"], "Pod");
        assert_eq!(parsed.objects[0].1.source.line, 15);
        assert_eq!(parsed.others.get("Service"), Some(&1));
        assert_eq!(
            problems(text),
            ["f.yaml:19:3: error: this is no Kubernetes object: it is no mapping"]
        );
    }

    #[test]
    fn json_values_may_follow_each_other() {
        let text =
            "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}\n {\"apiVersion\":\"v1\",\n\"kind\":\"Pod\",\"a\":1,\"a\":2}";
        let parsed = read(text);
        let lines: Vec<u32> = parsed.objects.iter().map(|(_, object)| object.source.line).collect();
        assert_eq!(lines, [11, 12]);
        let expected = [
            "f.yaml:13:20: warning: `a` stands here twice; the last one counts",
            "f.yaml:13:20: warning: unknown field `a`: the API server drops it",
        ];
        assert_eq!(problems(text), expected);
    }

    #[test]
    fn flow_style_yaml_is_no_broken_json() {
        assert_eq!(
            read("{\n  apiVersion: v1, # a comment\n  kind: Pod,\n  metadata: {name: yes-pod},\n}\n")
                .objects
                .len(),
            1
        );
    }

    #[test]
    fn templates_are_named_as_such() {
        for text in [
            "{{- if .Values.psp }}\nkind: A\n{{- end }}\n",
            "a: {{ .Values.a }}\n",
            "metadata:\n  name: {{ include \"x\" . }}-a\n",
        ] {
            assert!(problems(text)[0].contains("the source of a template"), "{text}");
        }
        let quoted = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: \"{{ .Release.Name }}\"\n";
        assert!(problems(quoted)[0].contains("helm template"));
    }

    #[test]
    fn policies_need_a_name_and_an_existing_version() {
        assert_eq!(
            problems("apiVersion: v1\nkind: Namespace\n"),
            ["f.yaml:11:1: error: a Namespace without a `metadata.name`"]
        );
        let never = "apiVersion: policy/v1\nkind: PodSecurityPolicy\nmetadata: {name: a}\n";
        assert_eq!(
            problems(never),
            ["f.yaml:11:13: warning: `policy/v1` has no PodSecurityPolicy in any release; skipped"]
        );
        assert_eq!(read("apiVersion: v1\nkind: Pod\n").objects.len(), 1);
    }

    #[test]
    fn what_is_no_object_is_said_or_skipped() {
        assert!(problems("replicaCount: 1\n")[0].contains("warning"));
        assert!(problems("kind: Pod\n")[0].contains("error"));
        assert!(problems("apiVersion: v2\nname: x\nversion: 1.0.0\n")[0].contains("warning"));
        assert!(problems("just text\n")[0].contains("error"));
        assert!(problems("# nothing\n").is_empty());
    }
}

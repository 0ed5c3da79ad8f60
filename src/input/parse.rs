//! From a document's text to its objects: lists flattened, each object held against its API type, every problem told
//! with its place. A function of the text alone; it never fails, it reports.

use std::collections::BTreeMap;

use serde_json::Value;

use super::documents::RawDocument;
use super::kind::Class;
use super::position::{Source, Sourced};
use super::problem::Problem;
use super::{json, sort_out, yaml};

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
        Ok(sections) => sections.into_iter().for_each(|section| sort_out::sort_out(section, raw, &mut parsed)),
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
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => items.into_iter().for_each(|item| flatten(item, source, objects)),
        _ if value.is_object() => objects.push(Sourced { value, source: source.clone() }),
        _ => {}
    }
}

/// A value of the document with the text that it was read from.
pub(super) struct Section<'a> {
    pub(super) text: &'a str,
    /// The byte of the document's text at which it begins.
    pub(super) start: usize,
    pub(super) first_line: u32,
    pub(super) value: Value,
    pub(super) item_lines: Vec<u32>,
    pub(super) duplicates: Vec<yaml::Duplicate>,
    pub(super) unread: Option<usize>,
}

/// YAML is one value; JSON may be several, one after the other.
pub(super) fn values(raw: &RawDocument) -> Result<Vec<Section<'_>>, yaml::Fault> {
    let body = raw.body().1.trim_start();
    if !body.starts_with(['{', '[']) {
        return yaml_section(raw).map(|section| vec![section]);
    }
    json_sections(raw).or_else(|fault| {
        // Flow-style YAML looks much like JSON, but not after a quoted first key.
        let is_json = raw.file.trim_end_matches(".gz").ends_with("json") || body.starts_with("{\"");
        match fault {
            JsonFault::Content(fault) => Err(fault),
            JsonFault::Syntax(fault) => {
                yaml_section(raw).map(|section| vec![section]).map_err(|other| if is_json { fault } else { other })
            }
        }
    })
}

fn yaml_section(raw: &RawDocument) -> Result<Section<'_>, yaml::Fault> {
    let yaml::Loaded { value, duplicates, item_lines, unread } = yaml::load(&raw.text)?;
    Ok(Section { text: &raw.text, start: 0, first_line: raw.first_line, value, item_lines, duplicates, unread })
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
        let start = raw.text.len() - text.len();
        first_line = first_line.saturating_add(newlines(skipped));
        let (loaded, end) = json::load(text).map_err(|error| JsonFault::of(&error, first_line - raw.first_line))?;
        let (text, after) = text.split_at_checked(end).unwrap_or((text, ""));
        let duplicates = match loaded.has_duplicates {
            true => yaml::load(text).map(|loaded| loaded.duplicates).unwrap_or_default(),
            false => Vec::new(),
        };
        let item_lines = Vec::new();
        sections.push(Section { text, start, first_line, value: loaded.value, item_lines, duplicates, unread: None });
        first_line = first_line.saturating_add(newlines(text));
        rest = after;
    }
    Ok(sections)
}

impl JsonFault {
    fn of(error: &serde_json::Error, lines_before: u32) -> Self {
        let text = error.to_string();
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
        let message = match message {
            "recursion limit exceeded" => format!("nested deeper than {} levels", yaml::DEEPEST),
            other if error.is_data() => other.to_owned(),
            other => other.to_lowercase(),
        };
        let fault = yaml::Fault { line: error.line() + lines_before as usize, column: error.column().max(1), message };
        if error.is_data() { Self::Content(fault) } else { Self::Syntax(fault) }
    }
}

fn newlines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX)
}

fn unreadable(raw: &RawDocument, fault: &yaml::Fault) -> Problem {
    let line = raw.first_line.saturating_add(narrow(fault.line)).saturating_sub(1);
    let source = Source { file: raw.file.clone(), line, column: narrow(fault.column) };
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

pub(super) fn template(source: Source) -> Problem {
    Problem::error("template", source, "this is the source of a template, not YAML yet")
        .help("render it first, e.g. `helm template CHART | psp-migrate … -`")
}

pub(super) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parsed {
        parse(&RawDocument { file: "f.yaml".into(), first_line: 11, text: text.to_owned() })
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
        assert_eq!(problems(text), ["f.yaml:19:3: error: this is no Kubernetes object: it is no mapping"]);
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
            read("{\n  apiVersion: v1, # a comment\n  kind: Pod,\n  metadata: {name: yes-pod},\n}\n").objects.len(),
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

    #[test]
    fn audit_events_need_the_object_of_a_request() {
        let event =
            |rest: &str| format!("{{\"apiVersion\": \"audit.k8s.io/v1\", \"kind\": \"Event\", \"stage\": \"{rest}}}");
        assert_eq!(read(&event("ResponseComplete\", \"requestObject\": {}")).objects.len(), 1);
        for rest in ["ResponseComplete\"", "ResponseStarted\", \"requestObject\": {}"] {
            assert_eq!(read(&event(rest)).others.get("Event"), Some(&1), "{rest}");
        }
    }

    #[test]
    fn the_pod_of_an_admission_review_is_held_against_its_type() {
        let review = |pid: &str| {
            format!(
                "apiVersion: admission.k8s.io/v1\nkind: AdmissionReview\nrequest:\n  object: {{apiVersion: v1, kind: Pod, spec: {{hostPID: {pid}, bad: 1}}}}\n"
            )
        };
        assert_eq!(read(&review("yes")).objects.len(), 1);
        assert_eq!(
            problems(&review("'yes'")),
            ["f.yaml:14:55: error: `spec.hostPID` takes a boolean, not the string `\"yes\"`"]
        );
    }
}

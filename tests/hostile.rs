//! Input that wants to crash, hang or mislead: each gets a clear answer in time, and its neighbours survive.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::time::{Duration, Instant};

use psp_migrate::input::{Inventory, Problem, stream_from};
use serde_json::{Value, json};

/// What is read from `text` put between two good pods, in no more than `seconds`.
fn read(text: &[u8], seconds: u64) -> Inventory {
    let good = |name: &str| format!("\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n---\n").into_bytes();
    let all = [good("first"), text.to_vec(), good("last")].concat();
    let start = Instant::now();
    let mut inventory = Inventory::default();
    stream_from(all.as_slice(), "hostile", |parsed| parsed, |parsed| inventory.add(parsed));
    inventory.finish();
    for problem in &inventory.problems {
        let shown = problem.render(true) + &problem.render(false) + &problem.to_string();
        assert!(
            !shown.replace("\u{1b}[", "").contains(|c: char| c.is_control() && c != '\n' && c != '\t'),
            "{shown:?}"
        );
    }
    // A hang is meant, not a slow or busy machine.
    let limit = Duration::from_secs(12 * seconds);
    assert!(start.elapsed() < limit, "{:?}", start.elapsed());
    let names: Vec<_> = inventory.pods.iter().filter_map(|pod| pod.value["metadata"]["name"].as_str()).collect();
    assert!(names.contains(&"first") && names.contains(&"last"), "{names:?} {:?}", inventory.problems);
    inventory
}

fn only_problem(text: &[u8], seconds: u64) -> Problem {
    let mut problems = read(text, seconds).problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

fn message(text: &[u8]) -> String {
    // Generous, for builds without optimisation on busy machines.
    only_problem(text, 60).message
}

#[test]
fn alias_bombs_do_not_go_off() {
    let mut bomb = "a0: &a0 {x: [y, y, y, y, y, y, y, y, y, y]}\n".to_owned();
    for level in 1..40 {
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(", "));
    }
    assert!(message(bomb.as_bytes()).contains("excessive aliasing"));
    let mut merges = "a0: &a0 {x: 1}\n".to_owned();
    for level in 1..40 {
        let inner = [
            format!("k{level}: *a{}", level - 1),
            format!("l{level}: *a{}", level - 1),
            format!("<<: *a{}", level - 1),
        ]
        .join(", ");
        merges += &format!("a{level}: &a{level} {{{inner}}}\n");
    }
    assert!(message(merges.as_bytes()).contains("excessive aliasing"));
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1_000_000), vec!["*a"; 1000].join(", "));
    assert!(message(long.as_bytes()).contains("excessive aliasing"));
}

#[test]
fn deep_nesting_is_refused() {
    for opening in ["[", "{a: ", "- ", "? ", "{\"a\":", "[{\"a\":"] {
        let found = message(opening.repeat(20_000).as_bytes());
        assert!(found.contains("nested deeper"), "{opening}: {found}");
    }
    let blocks: String = (0..3_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(message(blocks.as_bytes()).contains("nested deeper"));
    let closed = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    assert!(message(closed.as_bytes()).contains("nested deeper"));
}

#[test]
fn a_huge_scalar_is_refused() {
    let megabytes = vec![b'x'; 100 << 20];
    assert!(message(&[b"a: ", megabytes.as_slice()].concat()).contains("a single line of 100 MiB"));
    assert!(message(&[b"{\"a\": \"", megabytes.as_slice(), b"\"}"].concat()).contains("a single value of 100 MiB"));
    let lines = format!(
        "a: |\n{}",
        "  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".repeat(1 << 16)
    );
    assert!(message(lines.as_bytes()).contains("a single value of 4 MiB"));
}

#[test]
fn binary_and_foreign_encodings_are_named() {
    assert_eq!(only_problem(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 5).code, "binary");
    assert_eq!(only_problem(b"a: \xc3\x28\n", 5).code, "encoding");
    assert_eq!(only_problem(b"\xff\xfea\0:\0 \0b\0", 5).message, "the text is UTF-16");
    assert_eq!(only_problem(b"metadata: {name: \"a\x1b[31mb\"}\n", 5).code, "control-character");
}

/// A pod in which a value of every JSON type stands.
fn pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"a": "b"}, "annotations": {"x": "y"}},
        "spec": {"hostPID": true, "terminationGracePeriodSeconds": 1, "serviceAccountName": "s",
            "securityContext": {"runAsUser": 1, "supplementalGroups": [1], "seLinuxOptions": {"level": "s0"}, "sysctls": [{"name": "a", "value": "b"}]},
            "volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "w", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}],
            "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 1, "hostPort": 1}], "resources": {"limits": {"cpu": "1"}},
                "securityContext": {"privileged": true, "capabilities": {"add": ["A"]}}, "volumeMounts": [{"name": "v", "mountPath": "/", "readOnly": true}]}]}})
}

/// Every value that can be made from `value` by replacing one value in it by `by`.
fn replaced(value: &Value, by: &Value) -> Vec<Value> {
    let mut all = vec![by.clone()];
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                all.extend(replaced(inner, by).into_iter().map(|inner| {
                    let mut copy = fields.clone();
                    copy.insert(name.clone(), inner);
                    Value::Object(copy)
                }));
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                all.extend(replaced(inner, by).into_iter().map(|inner| {
                    let mut copy = items.clone();
                    copy[index] = inner;
                    Value::Array(copy)
                }));
            }
        }
        _ => {}
    }
    all
}

#[test]
fn wrong_types_in_every_field_are_told_or_harmless() {
    let mut refused = 0;
    for by in [
        json!(null),
        json!(true),
        json!(-1.5),
        json!(1e300),
        json!("\u{1b}]0;x\u{7}"),
        json!([]),
        json!({}),
        json!([[{}]]),
    ] {
        for pod in replaced(&pod(), &by) {
            for text in [pod.to_string(), serde_json::to_string_pretty(&pod).unwrap()] {
                let found = read(text.as_bytes(), 5);
                refused += usize::from(found.pods.len() == 2);
                for mut pod in found.pods {
                    psp_migrate::input::default_pod(&mut pod.value);
                    psp_migrate::input::admit_service_account(&mut pod.value, Some(&by), 24);
                    psp_migrate::input::pod_of(&pod.value);
                    assert!(psp_migrate::schema::only_garbage_collection_fields_changed(&pod.value, &pod.value));
                }
            }
        }
    }
    assert!(refused > 300, "{refused}");
}

#[test]
fn truncated_text_is_no_harm() {
    let yaml = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: 'x'\n  labels: {a: \"b\", c: [d]}\nspec:\n  x: &y |\n    z\n  w: *y\n  <<: {q: 1}\n";
    for text in [yaml.to_owned(), pod().to_string(), serde_json::to_string_pretty(&pod()).unwrap()] {
        for end in 0..text.len() {
            read(&text.as_bytes()[..end], 5);
        }
    }
}

#[test]
fn scrambled_text_is_no_harm() {
    let pieces = [
        "a",
        ":",
        " ",
        "\n",
        "- ",
        "? ",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "|",
        ">",
        "&x ",
        "*x",
        "!!str ",
        "!",
        "#",
        "---\n",
        "...\n",
        "%",
        "<<: ",
        "\t",
        ",",
        "é",
        "\u{feff}",
        "{{",
        "}}",
        "0x",
        "kind: List\n",
        "items:\n",
        "apiVersion: v1\n",
        "kind: Pod\n",
        "metadata:\n",
        "  name: a\n",
        "\r\n",
        "\\",
        "\u{2028}",
    ];
    let mut state = 88_172_645_463_325_252_u64;
    for _ in 0..3_000 {
        let mut text = String::new();
        for _ in 0..30 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text += pieces[usize::try_from(state % pieces.len() as u64).unwrap()];
        }
        // Quotes and brackets of the scrambled text must not reach its neighbours.
        read(text.as_bytes(), 5);
    }
}

#[test]
fn many_problems_are_found_quickly_and_few_are_shown() {
    let text: String = (0..5_000)
        .map(|n| format!("- {{apiVersion: v1, kind: Pod, metadata: {{name: p{n}}}, bad{n}: 1, bad: 2}}\n"))
        .collect();
    let found = read(format!("apiVersion: v1\nkind: List\nitems:\n{text}").as_bytes(), 60);
    assert_eq!(found.pods.len(), 5_002);
    let repeats = "a: 1\n".repeat(100_000);
    assert!(read(repeats.as_bytes(), 60).problems.len() < 20);
}

#[test]
fn hostile_names_are_shown_escaped() {
    let text = b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n\"b\\e[2J\\u202e\": 1\n";
    assert_eq!(message(text), "unknown field `b\\u{1b}[2J\\u{202e}`: the API server drops it");
}

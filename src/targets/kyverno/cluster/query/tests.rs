use serde_json::{Map, json};

use super::*;

fn value(text: &str) -> Result<Json, Problem> {
    let root = json!({"request": {"object": {
        "a": [{"name": "x", "n": 5, "on": true, "in": [1]}, {"name": "y"}, null], "empty": {}, "no": false, "zero": 0,
        "key": {"kubernetes.io/psp": "p"},
    }}});
    let query = parse(text).map_err(Problem::Unknown)?;
    query.value(Place::Root(&Map::new(), root.as_object().unwrap())).map(std::borrow::Cow::into_owned)
}

#[test]
fn expressions_give_what_kyverno_gives() {
    let cases = [
        ("request.object.a[0].name", json!("x")),
        ("request.object.a[-2].name", json!("y")),
        ("request.object.a[*].name", json!(["x", "y"])),
        ("request.object.a[?name == 'y'].name", json!(["y"])),
        ("request.object.a[?n].in[]", json!([1])),
        ("(request.object.a[*].in[] | [?@])", json!([1])),
        ("[request.object.none || `[]`, request.object.a || `[]`][] | [?!(on == `true`)].name", json!(["y"])),
        ("request.object.key.\"kubernetes.io/psp\"", json!("p")),
        ("request.object.none || 'd'", json!("d")),
        ("request.object.no || 'd'", json!("d")),
        ("request.object.zero || 'd'", json!(0)),
        ("request.object.none == `null`", json!(true)),
        ("request.object.zero == `0`", json!(false)),
        ("request.object.zero >= `0`", json!(null)),
        ("to_number(to_string(request.object.zero)) >= `0`", json!(true)),
        ("to_number(to_string(request.object.none)) >= `0`", json!(null)),
        ("!(request.object.none) && !(request.object.empty)", json!(true)),
        ("contains(keys(request.object.empty || `{}`), 'x')", json!(false)),
        ("length(keys(object_from_lists(['a', 'a', 'b'], ['a', 'a', 'b'])))", json!(2.0)),
        ("sum([length('ab'), `1`]) == `3`", json!(true)),
        ("sort(split(trim_prefix('s0:c2,c1', 's0:'), ',')) == `[\"c1\", \"c2\"]`", json!(true)),
        (
            "items(request.object.key, 'k', 'v')[?starts_with(k, 'kub')].trim_prefix(k, 'kubernetes.')",
            json!(["io/psp"]),
        ),
        ("`\"\\u007b\\u007b\\u0060\"`", json!("{{`")),
        ("'it\\'s'", json!("it's")),
        ("to_string(['a', `1`])", json!("[\"a\",1]")),
        ("lookup(request.object.key, join('', ['kubernetes.io', '/psp']))", json!("p")),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), Ok(expected), "{text}");
    }
}

#[test]
fn a_lacking_key_is_an_error_where_nothing_swallows_it() {
    for text in ["request.object.none", "request.object.none.deeper", "`true` && request.object.none"] {
        assert!(matches!(value(text), Err(Problem::NotFound(_))), "{text}: {:?}", value(text));
    }
    assert!(matches!(value("keys(request.object.none)"), Err(Problem::Error(_))));
}

#[test]
fn what_is_not_understood_is_named() {
    for text in ["a.{b: c}", "a[0:1]", "a.*", "map(&a, b)", "a ==", "unheard_of(@)", "a b"] {
        assert!(matches!(value(text), Err(Problem::Unknown(_))), "{text}: {:?}", value(text));
    }
}

#[test]
fn deep_nesting_ends() {
    assert!(parse(&"(".repeat(5000)).is_err() && parse(&"!".repeat(5000)).is_err());
}

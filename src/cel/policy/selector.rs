//! Label selectors.

use serde_json::{Map, Value as Json};

/// Whether labels match a `labelSelector`; an absent or empty selector matches everything.
///
/// # Errors
///
/// An operator that does not exist.
pub(crate) fn matches(selector: &Json, labels: Option<&Map<String, Json>>) -> Result<bool, String> {
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Json::as_str);
    for (key, value) in selector.get("matchLabels").and_then(Json::as_object).into_iter().flatten() {
        if label(key) != value.as_str() {
            return Ok(false);
        }
    }
    for requirement in selector.get("matchExpressions").and_then(Json::as_array).into_iter().flatten() {
        if !meets(requirement, label)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a selector selects everything.
pub(super) fn is_empty(selector: &Json) -> bool {
    let none = |field: &str| match selector.get(field) {
        Some(Json::Object(fields)) => fields.is_empty(),
        Some(Json::Array(items)) => items.is_empty(),
        _ => true,
    };
    none("matchLabels") && none("matchExpressions")
}

fn meets<'a>(requirement: &Json, label: impl Fn(&str) -> Option<&'a str>) -> Result<bool, String> {
    let text = |field: &str| requirement.get(field).and_then(Json::as_str).unwrap_or_default();
    let value = label(text("key"));
    let values = requirement.get("values").and_then(Json::as_array);
    let listed = values.into_iter().flatten().any(|listed| listed.as_str() == value && value.is_some());
    match text("operator") {
        "In" => Ok(listed),
        "NotIn" => Ok(!listed),
        "Exists" => Ok(value.is_some()),
        "DoesNotExist" => Ok(value.is_none()),
        other => Err(format!("\"{other}\" is not a valid label selector operator")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requirements_are_anded() {
        let labels = json!({"a": "1", "b": ""});
        let holds = |selector: Json| matches(&selector, labels.as_object());
        assert_eq!(holds(json!({})), Ok(true));
        assert_eq!(holds(json!({"matchLabels": {"a": "1"}})), Ok(true));
        assert_eq!(holds(json!({"matchLabels": {"a": "1", "c": "1"}})), Ok(false));
        let one = |operator: &str, key: &str, values: &[&str]| {
            holds(json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]}))
        };
        assert_eq!(one("In", "a", &["1", "2"]), Ok(true));
        assert_eq!(one("In", "c", &[""]), Ok(false));
        assert_eq!(one("NotIn", "c", &["1"]), Ok(true));
        assert_eq!(one("NotIn", "a", &["1"]), Ok(false));
        assert_eq!(one("Exists", "b", &[]), Ok(true));
        assert_eq!(one("DoesNotExist", "b", &[]), Ok(false));
        assert!(one("Near", "b", &[]).is_err());
    }
}

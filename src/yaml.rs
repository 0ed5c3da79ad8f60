//! YAML output that kubectl reads back as it was meant: what YAML 1.1 would take for a boolean or a number is quoted.

use serde_json::Value;

/// The value as a block of YAML that ends in a newline. Long strings are never folded.
///
/// # Errors
/// None for JSON values in practice; the serializer's error, if it has one.
pub fn to_yaml(value: &Value) -> Result<String, serde_saphyr::ser::Error> {
    const WIDE: usize = usize::MAX / 4;
    let options = serde_saphyr::ser_options! { folded_wrap_chars: WIDE, min_fold_chars: WIDE };
    serde_saphyr::to_string_with_options(value, options)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::input::{RawDocument, parse};

    fn read_back(value: &Value) -> Value {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "annotations": {"a": value}}});
        let text = to_yaml(&pod).unwrap();
        let parsed = parse(&RawDocument { file: Arc::from("t"), first_line: 1, text: text.clone() });
        let pod = parsed.objects.into_iter().next().unwrap_or_else(|| panic!("{text}\n{:?}", parsed.problems)).1.value;
        pod["metadata"]["annotations"]["a"].clone()
    }

    #[test]
    fn words_that_yaml_1_1_misreads_stay_strings() {
        for text in [
            "yes", "no", "on", "off", "y", "n", "~", "null", "0644", "1_000", "0o17", "1e3", "12:30:45", "0x1f",
            ".inf", "=", "<<",
        ] {
            assert_eq!(read_back(&json!(text)), json!(text));
        }
    }

    proptest! {
        #[test]
        fn hostile_strings_come_back(text in "(?s).{0,60}|[-:#{}\\[\\]&*!|>'\"%@`, \n\t\\\\]{0,12}") {
            // Go's reader takes no NUL and no other control characters, escaped or not, unlike what is tested here.
            prop_assume!(!text.contains('\0'));
            prop_assert_eq!(read_back(&json!(text)), json!(text));
        }
    }
}

//! The lines of a pretty-printed JSON list, as `kubectl get -o json` prints a whole cluster: enough to cut it into its
//! elements line by line, without holding it.
//!
//! Strings in JSON never hold a line break, so in indented JSON the indentation of a line is structure.

/// A list whose `items` are indented by this many bytes, and its elements by twice as many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PrettyList {
    indent: usize,
}

impl PrettyList {
    /// The list that begins with this line of an object: `    "items": [`.
    pub(super) fn begun_by(line: &[u8]) -> Option<Self> {
        let text = line.trim_ascii_start();
        let indent = line.len() - text.len();
        (indent > 0 && text.trim_ascii_end() == b"\"items\": [").then_some(Self { indent })
    }

    /// The line closes an element.
    pub(super) fn closes_element(self, line: &[u8]) -> bool {
        let closing = self.at_level(line, 2).map(<[u8]>::trim_ascii_end);
        matches!(closing, Some(b"}" | b"},"))
    }

    /// The line closes the list.
    pub(super) fn closes_items(self, line: &[u8]) -> bool {
        matches!(self.at_level(line, 1).map(<[u8]>::trim_ascii_end), Some(b"]" | b"],"))
    }

    /// The element says what it is, so that it can stand alone.
    pub(super) fn is_typed(self, element: &[u8]) -> bool {
        let has = |field: &[u8]| {
            let mut lines = element.split(|byte| *byte == b'\n');
            lines.any(|line| self.at_level(line, 3).is_some_and(|line| line.starts_with(field)))
        };
        has(b"\"kind\":") && has(b"\"apiVersion\":")
    }

    /// What follows exactly that much indentation.
    fn at_level(self, line: &[u8], level: usize) -> Option<&[u8]> {
        let (blank, rest) = line.split_at_checked(self.indent * level)?;
        (blank.trim_ascii().is_empty() && !rest.starts_with(b" ") && !rest.starts_with(b"\t")).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::PrettyList;

    #[test]
    fn lines_are_told_apart_by_their_indentation() {
        let list = PrettyList::begun_by(b"  \"items\": [\n").unwrap();
        assert!(list.closes_element(b"    },\n") && list.closes_element(b"    }"));
        assert!(!list.closes_element(b"      },\n") && !list.closes_element(b"    }}\n"));
        assert!(list.closes_items(b"  ],\n") && !list.closes_items(b"    ],\n"));
        assert!(list.is_typed(b"    {\n      \"apiVersion\": \"v1\",\n      \"kind\": \"Pod\"\n    }\n"));
        assert!(!list.is_typed(
            b"    {\n      \"apiVersion\": \"v1\",\n      \"x\": {\n        \"kind\": \"Pod\"\n      }\n    }\n"
        ));
        for line in ["\"items\": [", "  \"items\": []", "  \"item\": ["] {
            assert_eq!(PrettyList::begun_by(line.as_bytes()), None);
        }
    }
}

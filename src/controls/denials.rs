//! Where a control puts its denials.

use crate::field_error::FieldError;

/// The denials of one evaluation. Texts are built only when somebody will read them: most evaluations ask no more than
/// whether there is a denial at all.
#[derive(Debug)]
pub struct Denials {
    count: usize,
    texts: Option<Vec<FieldError>>,
}

impl Denials {
    /// Counts denials, and builds no text.
    pub fn counted() -> Self {
        Self { count: 0, texts: None }
    }

    /// Collects denials.
    pub fn collected() -> Self {
        Self { count: 0, texts: Some(Vec::new()) }
    }

    /// Adds a denial.
    pub fn add(&mut self, denial: impl FnOnce() -> FieldError) {
        self.count += 1;
        if let Some(texts) = &mut self.texts {
            texts.push(denial());
        }
    }

    /// How many denials were added.
    pub fn count(&self) -> usize {
        self.count
    }

    /// One denial settles the matter, because no text is wanted.
    pub fn is_settled(&self) -> bool {
        self.count > 0 && self.texts.is_none()
    }

    /// The collected denials; none if they were only counted.
    pub fn into_errors(self) -> Vec<FieldError> {
        self.texts.unwrap_or_default()
    }
}

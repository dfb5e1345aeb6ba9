//! What definition files have in common: labels, and errors that name file and line.

/// What is wrong with a definition file, where, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct DefinitionError {
    /// The file, as it was called.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and how it is mended.
    pub problem: String,
}

/// The name for people, in the languages of the product.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// English.
    #[serde(default)]
    pub en: String,
    /// Russian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ru: Option<String>,
    /// Chinese.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zh: Option<String>,
}

impl Label {
    /// The label in a language (`en`, `ru`, `zh`); English where there is none.
    pub fn in_language(&self, language: &str) -> &str {
        let text = match language {
            "ru" => self.ru.as_deref(),
            "zh" => self.zh.as_deref(),
            _ => None,
        };
        text.unwrap_or(&self.en)
    }
}

impl DefinitionError {
    /// An error at a byte of the text.
    pub(super) fn at(text: &str, file: &str, offset: usize, problem: String) -> DefinitionError {
        let line = text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
        DefinitionError { file: file.to_owned(), line, problem }
    }
}

/// Reads TOML; errors name the line.
pub(super) fn parse_toml<T: serde::de::DeserializeOwned>(
    text: &str,
    file: &str,
) -> Result<T, DefinitionError> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        DefinitionError::at(text, file, offset, error.message().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_fall_back_to_english() {
        let label =
            Label { en: "Sign-up".to_owned(), ru: Some("Регистрация".to_owned()), zh: None };
        assert_eq!(
            ["en", "ru", "zh", "de"].map(|l| label.in_language(l)),
            ["Sign-up", "Регистрация", "Sign-up", "Sign-up"]
        );
    }
}

//! From the text of a cell to a value, or to a reason for the person who reads it at night.

pub mod number;
pub mod time;
pub mod words;

/// The text in quotation marks, cut to a length that fits into a sentence.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    let cut: String = text.chars().take(LONGEST).collect();
    format!("{cut:?}… ({} bytes)", text.len())
}

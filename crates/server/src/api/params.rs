//! The parameters of an address, each of which must be known.

use super::error::ApiError;
use crate::app::Error;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use burgeon_core::text::nearest;

/// The pairs after `?`, in order; a name may come several times.
#[derive(Debug, Default)]
pub struct Params(pub Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map(|Query(pairs)| Self(pairs))
            .map_err(|error| ApiError(Error::invalid("bad_parameters", error.body_text())))
    }
}

impl Params {
    /// Refuses names outside `known`, naming the nearest one.
    pub fn only(&self, known: &[&str]) -> Result<&Self, Error> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(self),
            Some((name, _)) => {
                let message = format!("there is no parameter `{name}` here");
                let nearest = nearest(name, known.iter().copied());
                let mend = nearest.map_or_else(
                    || format!("known: {}", known.join(", ")),
                    |nearest| format!("did you mean `{nearest}`?"),
                );
                Err(Error::invalid("unknown_parameter", message).mend(mend).param(name.clone()))
            }
        }
    }

    /// The last value of `name`, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().rev().find(|(key, _)| key == name);
        named.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The value of `name`, which must be there.
    pub fn need(&self, name: &str) -> Result<&str, Error> {
        self.get(name).ok_or_else(|| {
            Error::invalid("missing_parameter", format!("the parameter `{name}` is missing")).param(name)
        })
    }

    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The values of `name`, each split at its commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.all(name)
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// A whole number from 0 to `most`; `default` when it is absent.
    pub fn number(&self, name: &str, default: usize, most: usize) -> Result<usize, Error> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        match text.parse::<usize>() {
            Ok(number) if number <= most => Ok(number),
            _ => Err(Error::invalid(
                "bad_number",
                format!("`{name}` is {text:?}; it must be a whole number from 0 to {most}"),
            )
            .param(name)),
        }
    }

    /// `true`, `1`, `false`, `0`; false when it is absent.
    pub fn flag(&self, name: &str) -> Result<bool, Error> {
        match self.get(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(other) => {
                Err(Error::invalid("bad_flag", format!("`{name}` is {other:?}; it must be true or false"))
                    .param(name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest() {
        let params = Params(vec![("grian".into(), "month".into())]);
        let error = params.only(&["grain", "from"]).unwrap_err();
        assert_eq!(error.mend.as_deref(), Some("did you mean `grain`?"));
    }

    #[test]
    fn lists_and_numbers() {
        let params = Params(vec![("by".into(), "plan, country".into()), ("limit".into(), "7".into())]);
        assert_eq!(params.list("by"), ["plan", "country"]);
        assert_eq!(params.number("limit", 5, 10).unwrap(), 7);
        assert!(params.number("limit", 5, 6).is_err());
        assert_eq!(params.number("offset", 5, 6).unwrap(), 5);
    }
}

//! The secret of the day, by which visitors without identifiers are told apart.

use crate::app::secrets::Secrets;
use crate::app::{Result, Workspace};
use jiff::civil::Date;
use tokio::sync::Mutex;

/// Bytes of a salt.
pub type Salt = [u8; 32];

/// The salt of the day that was asked for last.
#[derive(Debug, Default)]
pub struct SaltOfDay(Mutex<Option<(Date, Salt)>>);

const SCOPE: &str = "intake";
const NAME: &str = "visitor_salt";

impl Workspace {
    /// The salt of today, the same after a restart. Yesterday's is overwritten, so that nobody, the owner of the data
    /// included, can tell from then on which visitors of two days were one.
    pub(super) async fn visitor_salt(&self, secrets: &Secrets) -> Result<Salt> {
        let at = self.now().as_microsecond();
        let today = self.zone().date_of(at);
        let mut kept = self.intake().salt.0.lock().await;
        if let Some((day, salt)) = *kept
            && day == today
        {
            return Ok(salt);
        }
        let stored = self.state().cursor(SCOPE, NAME).await?;
        let salt = match stored.as_deref().and_then(|text| of_day(text, today)) {
            Some(salt) => salt,
            None => {
                let salt: Salt = secrets.draw();
                let text = format!("{today} {}", crate::web::hex(&salt));
                self.state().set_cursor(SCOPE, NAME, &text, at).await?;
                salt
            }
        };
        *kept = Some((today, salt));
        Ok(salt)
    }
}

/// The salt in a stored text, when it is of this day.
fn of_day(text: &str, today: Date) -> Option<Salt> {
    let (day, digits) = text.split_once(' ')?;
    if day != today.to_string() || digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut salt = [0; 32];
    for (at, byte) in salt.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(salt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_salt_is_good_for_its_day() {
        let day: Date = "2026-03-15".parse().unwrap();
        let text = format!("2026-03-15 {}", "0a".repeat(32));
        assert_eq!(of_day(&text, day), Some([10; 32]));
        assert_eq!(of_day(&text, day.tomorrow().unwrap()), None);
        assert_eq!(of_day("2026-03-15 zz", day), None);
        assert_eq!(of_day("", day), None);
    }
}

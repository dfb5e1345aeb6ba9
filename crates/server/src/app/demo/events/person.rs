//! Who does it.

use super::super::dice::Dice;
use super::super::life::Profile;
use super::account::office_device;
use super::site;

/// Place in [`site::DEVICES`].
pub(super) type Device = usize;

/// One person at an account.
#[derive(Debug, Clone)]
pub(super) struct Person {
    /// Number of the account.
    pub(super) account: u64,
    /// Identifier in the product.
    pub(super) user_id: String,
    /// Identifier of the browser before the person was known.
    pub(super) anonymous_id: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) device: Device,
    pub(super) country: usize,
    /// From when the person is known.
    pub(super) joined_at: i64,
    /// Place of the colleague who invited; none for the owner.
    pub(super) invited_by: Option<usize>,
    /// On which share of the working days the person is there.
    pub(super) keen: f64,
}

impl Person {
    pub(super) fn draw(
        profile: &Profile,
        account: u64,
        place: usize,
        joined_at: i64,
        invited_by: Option<usize>,
        dice: &mut Dice,
    ) -> Person {
        let (first, family) = (dice.one_of(&site::FIRST), dice.one_of(&site::FAMILY));
        let domain = profile.email.split_once('@').map_or("example", |(_, domain)| domain);
        let mail = format!("{}.{}", first.to_ascii_lowercase(), family.to_ascii_lowercase());
        // A few are there every day, most now and then.
        let luck = dice.unit();
        let keen = 0.03 + 0.75 * luck * luck * luck;
        Person {
            account,
            user_id: user_id(account, place),
            anonymous_id: format!("anon_{account:07}_{}", place + 1),
            name: format!("{first} {family}"),
            // Two colleagues of one name are told apart by their number.
            email: format!("{mail}{}@{domain}", if place == 0 { String::new() } else { place.to_string() }),
            device: office_device(dice),
            country: profile.country,
            joined_at,
            invited_by,
            keen: if place == 0 { keen + 0.08 } else { keen },
        }
    }
}

/// Identifier of a person at an account; 0 is the owner.
pub(super) fn user_id(account: u64, place: usize) -> String {
    format!("usr_{account:07}_{}", place + 1)
}

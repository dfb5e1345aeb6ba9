//! Names and words of the demo company's customers.

use super::dice::Dice;

const FIRST: [&str; 60] = [
    "Alder",
    "Amber",
    "Anchor",
    "Apex",
    "Arbor",
    "Aster",
    "Atlas",
    "Aurora",
    "Basalt",
    "Beacon",
    "Birch",
    "Bluebird",
    "Boreal",
    "Bramble",
    "Bright",
    "Cedar",
    "Cinder",
    "Clear",
    "Cobalt",
    "Compass",
    "Copper",
    "Coral",
    "Crescent",
    "Delta",
    "Ember",
    "Evergreen",
    "Falcon",
    "Fern",
    "Flint",
    "Foxglove",
    "Garnet",
    "Granite",
    "Harbor",
    "Hazel",
    "Heron",
    "Indigo",
    "Ivory",
    "Juniper",
    "Kestrel",
    "Lantern",
    "Lark",
    "Linden",
    "Lumen",
    "Maple",
    "Meadow",
    "Meridian",
    "Nimbus",
    "North",
    "Oak",
    "Onyx",
    "Orchard",
    "Otter",
    "Pine",
    "Quartz",
    "River",
    "Saffron",
    "Slate",
    "Summit",
    "Tidal",
    "Willow",
];
const SECOND: [&str; 40] = [
    "bridge", "brook", "cast", "craft", "dale", "field", "fleet", "flow", "ford", "forge", "gate", "grid",
    "grove", "hill", "house", "lane", "leaf", "line", "link", "loop", "mark", "mill", "mind", "path", "peak",
    "point", "port", "ridge", "scope", "shore", "spark", "stack", "stone", "track", "vale", "wave", "well",
    "wise", "works", "yard",
];
const KIND: [&str; 12] = [
    "Analytics",
    "Clinics",
    "Consulting",
    "Foods",
    "Group",
    "Health",
    "Labs",
    "Legal",
    "Logistics",
    "Media",
    "Partners",
    "Systems",
];

/// Partners who bring customers.
pub(super) const PARTNERS: [&str; 8] = [
    "Brightpath Agency",
    "Cloudsmiths",
    "Digital Foundry",
    "Eastbridge Consulting",
    "Finch & Co",
    "Growth Guild",
    "Hanseatic IT",
    "Sakura Solutions",
];

/// Industries with their weights.
pub(super) const INDUSTRIES: [(&str, f64); 9] = [
    ("software", 24.0),
    ("agency", 17.0),
    ("e-commerce", 14.0),
    ("finance", 10.0),
    ("healthcare", 9.0),
    ("manufacturing", 8.0),
    ("education", 7.0),
    ("logistics", 6.0),
    ("non-profit", 5.0),
];

/// Reasons for leaving in ordinary times, with what customers say.
pub(super) const REASONS: [(&str, f64, [&str; 3]); 6] = [
    ("price", 26.0, ["Too expensive for what we use", "Budget cut for next year", "Found a cheaper tool"]),
    (
        "missing_feature",
        20.0,
        ["We need SSO on our plan", "No offline mode", "Reporting is too thin for our board"],
    ),
    ("interface", 13.0, ["The team found it confusing", "Too many clicks", "Onboarding took too long"]),
    (
        "competitor",
        15.0,
        ["Moving to an all-in-one suite", "Our new CTO prefers another tool", "Parent company standard"],
    ),
    ("no_need", 18.0, ["Project ended", "We shut this line of business down", "Not using it enough"]),
    ("support", 8.0, ["Answers took days", "Nobody could help with the import", "Only bots answered"]),
];

/// What customers say who leave because of the bad release.
pub(super) const RELIABILITY: [&str; 4] = [
    "Exports fail since the new version",
    "Lost two days of data after the update",
    "The new editor crashes daily",
    "Too slow since 4.0",
];

/// What customers say who leave because of the new prices.
pub(super) const PRICE_CHANGE: [&str; 3] = [
    "The new price is not worth it",
    "We cannot explain the increase to our board",
    "Same product, higher bill",
];

/// A company's name.
pub(super) fn company(dice: &mut Dice) -> String {
    format!("{}{} {}", dice.one_of(&FIRST), dice.one_of(&SECOND), dice.one_of(&KIND))
}

/// A billing address for mail at a name that cannot exist outside.
pub(super) fn email(company: &str, index: u64, dice: &mut Dice) -> String {
    let desk = dice.one_of(&["accounts", "billing", "finance", "hello", "office"]);
    let slug = company.split(' ').next().unwrap_or("company").to_ascii_lowercase();
    format!("{desk}@{slug}{index}.example")
}

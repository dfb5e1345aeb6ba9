//! The border to the rules that name a visit's channel.

/// What is known of how a visit began. Empty text is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Visit<'a> {
    /// `utm_source`, else the referrer's host.
    pub source: &'a str,
    /// `utm_medium`
    pub medium: &'a str,
    /// `utm_campaign`
    pub campaign: &'a str,
    /// Host of the page before, without `www.`; empty for the own site.
    pub referrer_host: &'a str,
    /// Name of the advertiser's click identifier in the address, such as `gclid`.
    pub click: &'a str,
}

/// Names the channel of visits.
pub trait Channels: std::fmt::Debug + Sync {
    /// The channel of a visit.
    fn channel(&self, visit: &Visit<'_>) -> &str;

    /// Whether there is a channel of this name.
    fn is_channel(&self, name: &str) -> bool;
}

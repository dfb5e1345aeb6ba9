//! The demo company's website and product: pages, ways by which visitors come, features, devices.

/// A page of the site.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) path: &'static str,
    pub(super) title: &'static str,
    /// How often it is opened, against the others.
    pub(super) weight: f64,
}

const fn page(path: &'static str, title: &'static str, weight: f64) -> Page {
    Page { path, title, weight }
}

pub(super) const HOST: &str = "fieldnote.example";
pub(super) const APP_HOST: &str = "app.fieldnote.example";

/// All pages: first those with a place of their own in [`HOME`] and the like, then articles, then the manual.
pub(super) const PAGES: [Page; 36] = [
    page("/", "Fieldnote: notes that teams act on", 30.0),
    page("/pricing", "Pricing", 16.0),
    page("/signup", "Start your trial", 5.0),
    page("/demo", "See a demo", 3.0),
    page("/join", "Join your team", 0.0),
    page("/features", "Features", 9.0),
    page("/features/automations", "Automations", 4.0),
    page("/features/insights", "Insights", 3.0),
    page("/templates", "Templates", 7.0),
    page("/customers", "Customers", 4.0),
    page("/integrations", "Integrations", 5.0),
    page("/security", "Security", 1.5),
    page("/about", "About us", 1.0),
    page("/contact", "Contact", 1.2),
    page("/changelog", "Changelog", 1.5),
    page("/blog", "Blog", 3.0),
    page("/blog/meeting-notes-that-work", "Meeting notes that work", 8.0),
    page("/blog/weekly-review-template", "A weekly review in 20 minutes", 6.0),
    page("/blog/from-notes-to-tasks", "From notes to tasks", 4.5),
    page("/blog/async-stand-ups", "Stand-ups without a meeting", 4.0),
    page("/blog/decision-log", "Why you want a decision log", 3.2),
    page("/blog/onboarding-checklist", "An onboarding checklist", 2.8),
    page("/blog/fieldnote-3-automations", "Fieldnote 3.0: automations", 2.0),
    page("/blog/knowledge-base-mistakes", "Six mistakes with knowledge bases", 2.4),
    page("/blog/customer-interviews", "Notes from customer interviews", 2.0),
    page("/blog/okr-without-pain", "OKRs without pain", 1.8),
    page("/blog/remote-retrospectives", "Retrospectives at a distance", 1.4),
    page("/blog/state-of-team-notes", "The state of team notes", 1.2),
    page("/docs", "Manual", 2.0),
    page("/docs/getting-started", "Getting started", 3.0),
    page("/docs/import", "Import from other tools", 2.0),
    page("/docs/exports", "Exports", 1.2),
    page("/docs/automations", "Automations", 1.2),
    page("/docs/single-sign-on", "Single sign-on", 0.6),
    page("/docs/api", "API", 1.0),
    page("/docs/billing", "Billing", 0.8),
];

/// Places in [`PAGES`].
pub(super) const HOME: usize = 0;
pub(super) const PRICING: usize = 1;
pub(super) const SIGN_UP: usize = 2;
pub(super) const DEMO: usize = 3;
pub(super) const JOIN: usize = 4;
pub(super) const CONTACT: usize = 13;
pub(super) const BLOG: std::ops::Range<usize> = 16..28;
pub(super) const DOCS: std::ops::Range<usize> = 28..36;
pub(super) const DOCS_EXPORTS: usize = 31;

/// A way to the site, as its first page's address and referrer tell it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    /// By the rules of `definitions/channels.toml`; a test holds it against them.
    pub(super) channel: &'static str,
    pub(super) source: &'static str,
    pub(super) medium: &'static str,
    pub(super) campaign: &'static str,
    pub(super) referrer: &'static str,
    pub(super) referrer_host: &'static str,
    pub(super) weight: f64,
    /// Pages that it leads to first; any page when empty.
    pub(super) landing: Landing,
}

/// Where visits of an origin begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Landing {
    Home,
    Article,
    Offer,
    Any,
}

const fn tagged(
    channel: &'static str,
    source: &'static str,
    medium: &'static str,
    campaign: &'static str,
    weight: f64,
    landing: Landing,
) -> Origin {
    Origin { channel, source, medium, campaign, referrer: "", referrer_host: "", weight, landing }
}

/// The source of a visit without campaign parameters is the referrer's host.
const fn from(
    channel: &'static str,
    referrer: &'static str,
    referrer_host: &'static str,
    weight: f64,
    landing: Landing,
) -> Origin {
    Origin {
        channel,
        source: referrer_host,
        medium: "",
        campaign: "",
        referrer,
        referrer_host,
        weight,
        landing,
    }
}

/// Ways to the site by the channel that the company books its customers under, in the order of `world::CHANNELS`, then
/// the two that win visitors but are never booked: direct visits and AI assistants.
pub(super) const ORIGINS: [&[Origin]; 9] = [
    &[
        from("organic_search", "https://www.google.com/", "www.google.com", 80.0, Landing::Any),
        from("organic_search", "https://www.bing.com/", "www.bing.com", 11.0, Landing::Any),
        from("organic_search", "https://duckduckgo.com/", "duckduckgo.com", 9.0, Landing::Any),
    ],
    &[
        tagged("paid_search", "google", "cpc", "brand", 26.0, Landing::Home),
        tagged("paid_search", "google", "cpc", "team_notes", 40.0, Landing::Offer),
        tagged("paid_search", "google", "cpc", "alternatives", 22.0, Landing::Offer),
        tagged("paid_search", "bing", "cpc", "team_notes", 12.0, Landing::Offer),
    ],
    &[
        tagged("paid_social", "linkedin", "paid_social", "ops_leads", 38.0, Landing::Offer),
        tagged("paid_social", "facebook", "paid_social", "lookalike", 14.0, Landing::Offer),
        from("organic_social", "https://www.linkedin.com/", "www.linkedin.com", 26.0, Landing::Article),
        from("organic_social", "https://t.co/", "t.co", 12.0, Landing::Article),
        from("organic_social", "https://www.reddit.com/", "www.reddit.com", 10.0, Landing::Any),
    ],
    &[
        from("referral", "https://reviews.example/team-notes", "reviews.example", 42.0, Landing::Home),
        from(
            "referral",
            "https://softwarepicks.example/best-note-apps",
            "softwarepicks.example",
            33.0,
            Landing::Home,
        ),
        from("referral", "https://opsweekly.example/issue/88", "opsweekly.example", 25.0, Landing::Article),
    ],
    &[
        tagged("affiliate", "growth-guild", "partner", "directory", 40.0, Landing::Home),
        tagged("affiliate", "cloudsmiths", "partner", "directory", 35.0, Landing::Home),
        tagged("affiliate", "hanseatic-it", "partner", "webinar", 25.0, Landing::Offer),
    ],
    &[
        tagged("email", "outreach", "email", "ops_sequence", 70.0, Landing::Offer),
        tagged("email", "outreach", "email", "renewal_window", 30.0, Landing::Home),
    ],
    &[
        from("organic_search", "https://www.google.com/", "www.google.com", 62.0, Landing::Article),
        tagged("email", "newsletter", "email", "weekly", 38.0, Landing::Article),
    ],
    &[Origin { source: "", ..from("direct", "", "", 100.0, Landing::Home) }],
    &[
        from("ai_assistant", "https://chatgpt.com/", "chatgpt.com", 64.0, Landing::Any),
        from("ai_assistant", "https://www.perplexity.ai/", "www.perplexity.ai", 21.0, Landing::Any),
        from("ai_assistant", "https://claude.ai/", "claude.ai", 15.0, Landing::Any),
    ],
];

/// Place of direct visits in [`ORIGINS`].
pub(super) const DIRECT: usize = 7;

/// The campaign of March on social networks, for all visits of that channel in that month.
pub(super) const SPRING: Origin =
    tagged("paid_social", "linkedin", "paid_social", "spring_launch", 1.0, Landing::Offer);

/// Something that people do in the product.
#[derive(Debug, Clone, Copy)]
pub(super) struct Feature {
    pub(super) event: &'static str,
    pub(super) path: &'static str,
    pub(super) weight: f64,
}

const fn feature(event: &'static str, path: &'static str, weight: f64) -> Feature {
    Feature { event, path, weight }
}

pub(super) const FEATURES: [Feature; 10] = [
    feature("note_created", "/app/notes", 27.0),
    feature("note_edited", "/app/notes", 24.0),
    feature("task_completed", "/app/tasks", 17.0),
    feature("comment_added", "/app/notes", 13.0),
    feature("search", "/app/search", 8.0),
    feature("file_uploaded", "/app/files", 4.0),
    feature("export_created", "/app/exports", 3.0),
    feature("report_viewed", "/app/insights", 6.0),
    feature("automation_run", "/app/automations", 14.0),
    feature("sso_login", "/app/login", 3.0),
];

/// Places in [`FEATURES`] of those that not everybody has.
pub(super) const EDIT: usize = 1;
pub(super) const COMMENT: usize = 3;
pub(super) const EXPORT: usize = 6;
pub(super) const REPORT: usize = 7;
pub(super) const AUTOMATION: usize = 8;
pub(super) const SIGN_ON: usize = 9;

/// What a failed export is called, in the weeks of the bad release.
pub(super) const EXPORT_FAILED: &str = "export_failed";

/// Device, browser and operating system with their weights on the site and in the product.
pub(super) const DEVICES: [(&str, &str, &str, f64, f64); 9] = [
    ("desktop", "Chrome", "Windows", 27.0, 40.0),
    ("desktop", "Chrome", "macOS", 13.0, 24.0),
    ("desktop", "Safari", "macOS", 8.0, 11.0),
    ("desktop", "Edge", "Windows", 8.0, 13.0),
    ("desktop", "Firefox", "Linux", 3.0, 4.0),
    ("mobile", "Safari", "iOS", 19.0, 4.0),
    ("mobile", "Chrome", "Android", 18.0, 3.0),
    ("tablet", "Safari", "iOS", 3.0, 0.8),
    ("tablet", "Chrome", "Android", 1.0, 0.2),
];

/// Hours that clocks are ahead of UTC, in the order of `world::COUNTRIES`; without summer time, which nobody would see.
pub(super) const AHEAD: [i64; 14] = [-6, 0, 1, 1, 9, -5, 10, 1, 1, 1, 1, 0, 8, -3];

/// First names and family names of the people at the company's customers.
pub(super) const FIRST: [&str; 40] = [
    "Ada", "Aiko", "Alan", "Amara", "Anton", "Bea", "Carlos", "Chen", "Clara", "Daan", "Dmitri", "Elena",
    "Emeka", "Emma", "Farid", "Fiona", "Greta", "Hana", "Hugo", "Ines", "Ivan", "Jonas", "Kai", "Kenji",
    "Lars", "Leila", "Lucia", "Maya", "Mei", "Nadia", "Noah", "Olga", "Omar", "Priya", "Rosa", "Sofia",
    "Tariq", "Tom", "Vera", "Yuki",
];
pub(super) const FAMILY: [&str; 40] = [
    "Adams", "Almeida", "Baker", "Bauer", "Bergman", "Bianchi", "Brown", "Chen", "Costa", "Dubois", "Evans",
    "Fischer", "Garcia", "Haas", "Hill", "Ito", "Jansen", "Jones", "Kaya", "Keller", "Khan", "Kowalski",
    "Larsen", "Lopez", "Martin", "Meyer", "Moreau", "Murphy", "Nakamura", "Novak", "Okafor", "Patel",
    "Petrov", "Reed", "Rossi", "Santos", "Sato", "Silva", "Smith", "Weber",
];

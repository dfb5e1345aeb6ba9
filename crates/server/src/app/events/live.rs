//! Who is here now.

use super::ask::{Asked, EVENT, Scope};
use super::people::LIVE_US;
use super::seen::{AHEAD_US, EventSeen, events_of};
use crate::app::cells::instant;
use crate::app::{Result, Workspace};
use burgeon_core::behaviour::calendar::Calendar;
use burgeon_core::behaviour::step::{ANY_EVENT, Step};
use burgeon_core::behaviour::usage::Usage;
use burgeon_engine::events::{Breakdown, Filter, Question};
use serde::Serialize;
use utoipa::ToSchema;

const MINUTE_US: i64 = 60_000_000;
/// Minutes that are told one by one.
const MINUTES: i64 = 30;
/// Pages and events that are listed.
const LISTED: usize = 50;
/// Events of a site rather than of a product.
const SITE: &[&str] = &["page_view", "page_leave", "engagement", "screen_view"];

/// What happens at this moment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LiveNow {
    /// People of the last five minutes.
    pub now: NowCounts,
    /// The last half hour, oldest minute first.
    pub minutes: Vec<MinuteCounts>,
    /// Pages looked at in the last five minutes, most people first.
    pub pages: Vec<PageCount>,
    /// The newest events.
    pub events: Vec<EventSeen>,
}

/// People of the last five minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct NowCounts {
    /// Who looked at a page.
    pub on_site: i64,
    /// Who did anything else.
    pub in_product: i64,
}

/// One minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MinuteCounts {
    /// Its beginning, RFC 3339.
    pub at: String,
    /// Events.
    pub events: i64,
    /// People.
    pub persons: i64,
}

/// A page that is being looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PageCount {
    /// Path.
    pub path: String,
    /// People.
    pub persons: i64,
}

impl Workspace {
    /// What counts as being on the site, or in the product.
    pub(super) async fn live_question(&self, product: bool, scope: &Scope) -> Result<Asked> {
        let mut asked = self.asked(vec![vec![Step::named(ANY_EVENT)]], scope).await?;
        let values = SITE.iter().map(|name| Some((*name).to_owned())).collect();
        asked.question.filters.push(Filter { dimension: EVENT.to_owned(), values, negated: product });
        asked.question.by = Breakdown::None;
        Ok(asked)
    }

    /// Who is here now and what they do.
    pub async fn live_now(&self) -> Result<LiveNow> {
        let now = self.now().as_microsecond();
        let store = self.events();
        let everywhere = Scope::default();
        // Clients' clocks that run ahead count as now.
        let recent = Usage { calendar: Calendar::new(vec![now - LIVE_US, i64::MAX]), groups: 1 };
        let mut counts = [0; 2];
        for (count, product) in counts.iter_mut().zip([false, true]) {
            let asked = self.live_question(product, &everywhere).await?;
            *count = recent.persons(&*self.answer(&asked, recent.clone()).await?, 0, 0);
        }
        let this_minute = now - now.rem_euclid(MINUTE_US);
        let bounds = (0..=MINUTES).map(|back| this_minute - (MINUTES - 1 - back) * MINUTE_US).collect();
        let by_minute = Usage { calendar: Calendar::new(bounds), groups: 1 };
        let question = Question { conditions: vec![vec![Step::named(ANY_EVENT)]], ..Question::default() };
        let sum = store.ask(question, by_minute.clone()).await?;
        let minutes = by_minute.calendar.bounds().iter().take(MINUTES as usize).enumerate();
        let minutes = minutes.map(|(span, at)| MinuteCounts {
            at: instant(*at),
            events: by_minute.rows(&sum, 0, span),
            persons: by_minute.persons(&sum, 0, span),
        });
        let minutes = minutes.collect();
        let mut events = events_of(&store.latest(None, now.saturating_add(AHEAD_US), LISTED).await?)?;
        self.name_people(&mut events).await?;
        Ok(LiveNow {
            now: NowCounts { on_site: counts[0], in_product: counts[1] },
            minutes,
            pages: self.live_pages(now).await?,
            events,
        })
    }

    async fn live_pages(&self, now: i64) -> Result<Vec<PageCount>> {
        let store = self.events();
        let path = std::collections::BTreeSet::from(["path".to_owned()]);
        store.make_hot(&path).await?;
        let texts = self.event_texts("path")?;
        let kernel = Usage {
            calendar: Calendar::new(vec![now - LIVE_US, i64::MAX]),
            groups: u32::try_from(texts.len()).unwrap_or(u32::MAX).max(1),
        };
        let question = Question {
            by: Breakdown::Dimension("path".to_owned()),
            filters: vec![super::ask::is(EVENT, "page_view")],
            conditions: vec![vec![Step::named(ANY_EVENT)]],
            // A span keeps what is older from being counted at all.
            span: Some((now - LIVE_US, i64::MAX)),
            ..Question::default()
        };
        let sum = store.ask(question, kernel.clone()).await?;
        let top = kernel.top(&sum, 0, LISTED, true).into_iter();
        let named = top.filter_map(|(group, persons, _)| {
            let path = texts.get(group as usize).cloned().flatten()?;
            (persons > 0).then_some(PageCount { path, persons })
        });
        Ok(named.collect())
    }
}

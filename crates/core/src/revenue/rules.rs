//! The rules of the fold that a company may want otherwise.

/// Which price counts as recurring revenue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AmountRule {
    /// The price after discount, while the discount holds.
    #[default]
    Net,
    /// The price before discount. What is 100 % off still counts as free.
    List,
}

/// What a pause does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PauseRule {
    /// The amount falls to 0; the return is a reactivation.
    #[default]
    Churn,
    /// The amount goes on as if nothing had happened.
    Keep,
}

/// When a cancellation takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ChurnDateRule {
    /// At the end of the service that is paid for: when the status becomes canceled.
    #[default]
    PeriodEnd,
    /// When it was asked for (`canceled_at`).
    Request,
}

/// The rules that [`Fold`](super::Fold) follows. The defaults are those of the book's chapter on revenue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RevenueRules {
    /// Which price counts.
    pub amount: AmountRule,
    /// What a pause does.
    pub pause: PauseRule,
    /// A subscription that is past due for this many days (of 24 hours) counts as lost; `None` waits for its status.
    pub past_due_churn_days: Option<u32>,
    /// When a cancellation takes effect.
    pub churn_date: ChurnDateRule,
    /// Changes of one customer that follow within this many minutes count as one change; 0 nets one instant only.
    pub netting_window_minutes: u32,
    /// A former payer who returns after more than this many days (of 24 hours) is new; `None`: never.
    pub reactivation_gap_days: Option<u32>,
    /// Whether a [`Coupon`](super::Coupon) for a single invoice lowers recurring revenue for that term.
    pub one_time_coupons: bool,
    /// Whether metered usage counts, as the mean of the three months before.
    pub usage_in_mrr: bool,
}

impl Default for RevenueRules {
    fn default() -> RevenueRules {
        RevenueRules {
            amount: AmountRule::Net,
            pause: PauseRule::Churn,
            past_due_churn_days: None,
            churn_date: ChurnDateRule::PeriodEnd,
            netting_window_minutes: 60,
            reactivation_gap_days: None,
            one_time_coupons: false,
            usage_in_mrr: false,
        }
    }
}

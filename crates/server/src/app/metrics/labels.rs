//! Names of dimensions for people.

use super::Label;
use burgeon_metrics::base::Dimension;

/// Settings of the revenue fold: every metric over its movements obeys them.
pub const FOLD_SETTINGS: &[&str] = &[
    "mrr_amount",
    "one_time_coupons",
    "usage_in_mrr",
    "pause",
    "past_due_churn_days",
    "churn_date",
    "netting_window_minutes",
    "reactivation_gap_days",
];

/// Names by language of the dimensions that Burgeon itself has.
const KNOWN: &[(&str, [&str; 3])] = &[
    ("plan", ["Plan", "Тариф", "套餐"]),
    ("interval", ["Billing interval", "Период оплаты", "计费周期"]),
    ("currency", ["Currency", "Валюта", "货币"]),
    ("movement", ["Movement", "Движение", "变动"]),
    ("reason", ["Reason", "Причина", "原因"]),
    ("cohort", ["Cohort", "Когорта", "同期群"]),
    ("mrr_band", ["MRR band", "Диапазон MRR", "MRR 区间"]),
    ("country", ["Country", "Страна", "国家"]),
    ("channel", ["Channel", "Канал", "渠道"]),
    ("partner", ["Partner", "Партнёр", "合作伙伴"]),
    ("name", ["Customer", "Клиент", "客户"]),
    ("customer_id", ["Customer id", "Код клиента", "客户编号"]),
    ("subscription_id", ["Subscription", "Подписка", "订阅"]),
    ("kind", ["Kind", "Вид", "类型"]),
    ("status", ["Status", "Состояние", "状态"]),
    ("campaign", ["Campaign", "Кампания", "活动"]),
    ("email", ["E-mail", "Эл. почта", "邮箱"]),
    ("scheduled", ["Scheduled", "Запланировано", "已计划"]),
    ("cause", ["Record behind it", "Запись-причина", "来源记录"]),
    ("is_transfer", ["Transfer", "Перенос", "转移"]),
    ("person_id", ["Person", "Человек", "人员"]),
    ("event", ["Event", "Событие", "事件"]),
    ("event_id", ["Event id", "Код события", "事件编号"]),
    ("source", ["Source", "Источник", "来源"]),
    ("medium", ["Medium", "Тип трафика", "媒介"]),
    ("content", ["Content", "Содержание", "内容"]),
    ("term", ["Term", "Запрос", "关键词"]),
    ("host", ["Host", "Сайт", "主机"]),
    ("path", ["Page", "Страница", "页面"]),
    ("exit_path", ["Last page", "Последняя страница", "退出页面"]),
    ("url", ["Address", "Адрес", "网址"]),
    ("title", ["Title of the page", "Заголовок страницы", "页面标题"]),
    ("referrer", ["Referring page", "Ссылающаяся страница", "引荐页面"]),
    ("referrer_host", ["Referring site", "Ссылающийся сайт", "引荐网站"]),
    ("device", ["Device", "Устройство", "设备"]),
    ("browser", ["Browser", "Браузер", "浏览器"]),
    ("os", ["Operating system", "Операционная система", "操作系统"]),
    ("bounced", ["Bounce", "Отказ", "跳出"]),
    ("is_returning", ["Returning", "Повторный", "回访"]),
    ("invited", ["Invited", "По приглашению", "受邀"]),
];

/// The name of a dimension by language; an unknown one is its own name with spaces.
pub fn dimension(name: &str) -> Label {
    let known = KNOWN.iter().find(|(known, _)| *known == name);
    match known {
        Some((_, [en, ru, zh])) => {
            [("en", en), ("ru", ru), ("zh", zh)].map(|(l, t)| (l.to_owned(), (*t).to_owned())).into()
        }
        None => {
            let mut text = name.replace('_', " ");
            if let Some(first) = text.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            [("en".to_owned(), text)].into()
        }
    }
}

/// Where the values of a dimension come from, in one word.
pub fn kind(dimension: &Dimension) -> &'static str {
    match dimension {
        Dimension::Fact { .. } => "fact",
        Dimension::Cohort { .. } => "cohort",
        Dimension::Customer { .. } => "customer",
        Dimension::Standing { .. } => "standing",
        Dimension::Attribute { .. } => "attribute",
        Dimension::Property { .. } => "property",
        Dimension::Among { .. } => "people",
    }
}

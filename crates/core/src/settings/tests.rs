//! The reference file, errors with their mend, editing.

use super::*;

#[test]
fn the_reference_equals_the_defaults() {
    assert_eq!(Settings::parse(DEFAULT_TOML, "default.toml"), Ok(Settings::default()));
    let named: Vec<String> = file::docs(DEFAULT_TOML).into_iter().map(|(name, _)| name).collect();
    assert_eq!(named, NAMES);
    for info in Settings::default().list() {
        assert!(info.doc.ends_with('.'), "{}: {}", info.name, info.doc);
        // What is set stands with its default, what is not set stands as an example.
        let line = DEFAULT_TOML
            .lines()
            .find(|line| line.trim_start_matches("# ").starts_with(&format!("{} =", info.name)));
        let line = line.expect("every setting stands in the reference");
        assert_eq!(line.starts_with('#'), info.default.is_empty(), "{line}");
        if !line.starts_with('#') {
            assert_eq!(line, format!("{} = {}", info.name, info.default));
        }
    }
}

#[test]
fn the_examples_of_the_reference_can_be_read() {
    let mut text = String::new();
    for line in DEFAULT_TOML.lines() {
        let example = NAMES.iter().any(|name| line.starts_with(&format!("# {name} = ")));
        text.push_str(if example { &line[2..] } else { line });
        text.push('\n');
    }
    let settings = Settings::parse(&text, "f").unwrap();
    assert_eq!(settings.rules.past_due_churn_days, Some(30));
    assert_eq!(settings.rules.reactivation_gap_days, Some(180));
    assert_eq!(settings.constant_rate_date, Some(jiff::civil::date(2025, 1, 1)));
}

#[test]
fn errors_name_file_line_and_mend() {
    let error = |text| Settings::parse(text, "burgeon.toml").unwrap_err().to_string();
    assert_eq!(
        error("\ncurency = \"USD\""),
        "burgeon.toml:2: unknown setting \"curency\"; did you mean \"currency\"?"
    );
    assert_eq!(
        error("pause = \"kep\""),
        "burgeon.toml:1: pause is \"kep\"; write \"churn\" or \"keep\"; did you mean \"keep\"?"
    );
    assert_eq!(
        error("name = \"x\"\n\nnetting_window_minutes = -1"),
        "burgeon.toml:3: netting_window_minutes is -1; write a whole number from 0 to 44640"
    );
    assert_eq!(
        error("gross_margin = 80"),
        "burgeon.toml:1: gross_margin is 80; write a fraction from 0 to 1, such as 0.8"
    );
    assert!(error("timezone = \"Mars\"").contains("unknown time zone \"Mars\""));
    assert!(error("currency = 3").contains("currency is 3; write a code such as \"USD\""));
    assert!(
        error("name = \"a\"\nname =").starts_with("burgeon.toml:2: this is not TOML"),
        "{}",
        error("name =")
    );
    assert!(error("[rules]\npause = \"keep\"").contains("unknown setting \"rules\""));
}

#[test]
fn set_takes_toml_and_bare_words() {
    let mut settings = Settings::default();
    for (name, value) in [
        ("gross_margin", "0.8"),
        ("pause", "keep"),
        ("pause", "\"keep\""),
        ("timezone", "Europe/Berlin"),
        ("week_start", "sunday"),
        ("currency", "eur"),
        ("quick_ratio_with_reactivation", "true"),
        ("past_due_churn_days", "14"),
        ("constant_rate_date", "2025-06-30"),
    ] {
        settings.set(name, value).unwrap();
    }
    assert_eq!(settings.zone, Zone::new("Europe/Berlin", jiff::civil::Weekday::Sunday).unwrap());
    assert_eq!(settings.number("gross_margin"), Some("0.8".parse().unwrap()));
    assert_eq!(settings.number("quick_ratio_with_reactivation"), Some(Exact::one()));
    assert_eq!(settings.number("net_churn_with_reactivation"), Some(Exact::zero()));
    assert_eq!(settings.number("pause"), None);
    // What is printed reads back.
    let text: String = settings
        .list()
        .iter()
        .filter(|i| !i.value.is_empty())
        .map(|i| format!("{} = {}\n", i.name, i.value))
        .collect();
    assert_eq!(Settings::parse(&text, "f"), Ok(settings.clone()));
    for name in NAMES {
        settings.set(name, "").unwrap();
    }
    assert_eq!(settings, Settings::default());
    assert!(settings.set("nothing", "").is_err() && settings.set("pause", "1").is_err());
}

#[test]
fn rule_versions_follow_the_rules_only() {
    let mut settings = Settings::default();
    let version = settings.rule_version();
    assert_eq!(version, "2d06800538d394c2", "stored results name this; it must never change");
    settings.set("name", "Acme").unwrap();
    settings.set("currency", "EUR").unwrap();
    assert_eq!(settings.rule_version(), version);
    settings.set("pause", "keep").unwrap();
    assert_ne!(settings.rule_version(), version);
}

#[test]
fn editing_keeps_comments() {
    let text = edit(DEFAULT_TOML, "pause", "\"keep\"");
    assert_eq!(text, DEFAULT_TOML.replace("pause = \"churn\"", "pause = \"keep\""));
    let text = edit(&text, "past_due_churn_days", "14");
    assert!(text.contains("\npast_due_churn_days = 14\n") && !text.contains("# past_due_churn_days"));
    let text = edit(&text, "past_due_churn_days", "");
    assert!(text.contains("\n# past_due_churn_days = 14\n"));
    assert_eq!(edit("# mine\n", "pause", "\"keep\""), "# mine\npause = \"keep\"\n");
}

#[test]
fn every_setting_is_explained_in_every_language() {
    for name in NAMES {
        for language in ["en", "ru", "zh"] {
            let text = doc_in(name, language).unwrap_or_default();
            assert!(text.ends_with(['.', '。']), "{name} in {language}: {text}");
        }
    }
    assert_eq!((doc_in("pause", "de"), doc_in("paws", "ru")), (None, None));
}

#[test]
fn words_are_what_the_choices_say() {
    let mut settings = Settings::default();
    assert_eq!(settings.word("ltv_formula"), Some("churn"));
    settings.set("ltv_formula", "predicted").unwrap();
    assert_eq!((settings.word("ltv_formula"), settings.ltv_formula), (Some("predicted"), "predicted"));
    assert_eq!((settings.word("gross_margin"), settings.word("nothing")), (None, None));
    let error = settings.set("ltv_formula", "predict").unwrap_err().to_string();
    assert!(error.contains("did you mean \"predicted\"?"), "{error}");
}

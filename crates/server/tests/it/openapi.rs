//! `openapi.json` is what the handlers say. `BLESS=1 cargo test -p burgeon-server openapi` writes it anew.

use burgeon_server::api::{Description, ROUTES};
use std::path::Path;
use utoipa::OpenApi;

fn description() -> String {
    let mut text = Description::openapi().to_pretty_json().unwrap();
    text.push('\n');
    text
}

#[test]
fn the_committed_description_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let now = description();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == now, "openapi.json is stale: run `BLESS=1 cargo test -p burgeon-server openapi`");
}

#[test]
fn every_route_is_described_and_every_description_routed() {
    let api: serde_json::Value = serde_json::from_str(&description()).unwrap();
    let mut described = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        described.extend(methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
    }
    let mut routed: Vec<(String, String)> =
        ROUTES.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    described.sort();
    routed.sort();
    assert_eq!(described, routed);
}

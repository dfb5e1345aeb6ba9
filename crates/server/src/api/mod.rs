//! `/api/v1`: one file for each endpoint, one line for each route.

pub mod body;
pub mod changes;
pub mod customers;
pub mod dashboards;
pub mod error;
pub mod events;
pub mod explain;
pub mod funnel;
pub mod imports;
pub mod intake;
pub mod keys;
pub mod lifecycle;
pub mod limits;
pub mod live;
pub mod meanings;
pub mod metrics;
pub mod params;
pub mod paths;
pub mod people;
pub mod persons;
pub mod query;
pub mod records;
pub mod rejects;
pub mod releases;
pub mod retention;
pub mod rows;
pub mod segments;
pub mod session;
pub mod settings;
pub mod stickiness;
pub mod usage;
pub mod views;
pub mod workspace;

use crate::app::Workspace;
use crate::app::secrets::Secrets;
use crate::auth::Auth;
use crate::live::Live;
use axum::routing::{delete, get, post, put};
use axum::{Router, middleware};
use error::ApiError;
use limits::Limits;
use std::sync::Arc;
use utoipa::OpenApi;

/// What every handler can reach.
#[derive(Debug)]
pub struct Context {
    /// The use cases.
    pub workspace: Arc<Workspace>,
    /// Who may ask.
    pub auth: Auth,
    /// The stream of changes.
    pub live: Live,
    /// How much at once.
    pub limits: Limits,
    /// Random bytes for keys and salts.
    pub secrets: Secrets,
}

/// The state of the router.
pub type Shared = Arc<Context>;

/// Lists the routes once, for the router and for the description.
macro_rules! routes {
    ($($method:ident $path:literal => $($handler:ident)::+;)*) => {
        /// The description of the interface, kept in `openapi.json`.
        #[derive(OpenApi)]
        #[openapi(
            info(
                title = "Burgeon",
                description = "Growth metrics of a SaaS company: every figure on one definition, explained, and open down to its records.",
            ),
            paths($($($handler)::+::handler),*),
        )]
        pub struct Description;

        /// Method and path of every route.
        pub const ROUTES: &[(&str, &str)] = &[$((stringify!($method), concat!("/api/v1", $path))),*];

        fn table() -> Router<Shared> {
            Router::new()$(.route(concat!("/api/v1", $path), $method($($handler)::+::handler)))*
        }
    };
}

routes! {
    get "/workspace" => workspace::get;
    get "/metrics" => metrics::list;
    get "/metrics/{name}" => metrics::get;
    get "/query" => query::run;
    get "/query.csv" => query::csv;
    get "/query.xlsx" => query::xlsx;
    get "/explain" => explain::get;
    get "/rows" => rows::list;
    get "/records/{table}/{entity}/{key}" => records::get;
    post "/records/{table}" => records::write;
    get "/customers" => customers::list;
    get "/customers/{id}" => customers::get;
    get "/changes" => changes::list;
    get "/imports" => imports::list;
    post "/imports" => imports::create;
    get "/imports/{id}" => imports::get;
    get "/rejects" => rejects::list;
    post "/rejects/replay" => rejects::replay;
    get "/settings" => settings::get;
    put "/settings" => settings::put;
    get "/dashboards" => dashboards::list;
    get "/dashboards/{name}" => dashboards::get;
    get "/releases" => releases::list;
    post "/events" => events::write;
    get "/events/names" => events::names;
    get "/events/recent" => events::recent;
    get "/events/live" => events::live;
    get "/meanings" => meanings::list;
    put "/meanings/{name}" => meanings::put;
    delete "/meanings/{name}" => meanings::delete;
    get "/funnel" => funnel::get;
    get "/retention" => retention::get;
    get "/paths" => paths::get;
    get "/lifecycle" => lifecycle::get;
    get "/stickiness" => stickiness::get;
    get "/usage" => usage::get;
    get "/people" => people::get;
    get "/persons" => persons::list;
    get "/persons/{id}" => persons::get;
    delete "/persons/{id}" => persons::delete;
    post "/persons/{id}/unlink" => persons::unlink;
    get "/segments" => segments::list;
    put "/segments/{name}" => segments::put;
    delete "/segments/{name}" => segments::delete;
    get "/views" => views::list;
    put "/views/{name}" => views::put;
    delete "/views/{name}" => views::delete;
    get "/keys" => keys::list;
    post "/keys" => keys::create;
    delete "/keys/{id}" => keys::delete;
    get "/live" => live::stream;
    post "/session" => session::create;
    delete "/session" => session::delete;
}

/// The whole server: the API, its description, and the page.
pub fn router(context: Shared) -> Router {
    use tower_http::compression::CompressionLayer;
    let api = table()
        .route("/api/v1/openapi.json", get(|| async { axum::Json(Description::openapi()) }))
        .route("/api/{*rest}", axum::routing::any(unknown))
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(context.clone(), limits::guard))
        .merge(intake::router())
        .layer(middleware::from_fn(intake::cors::open))
        .with_state(context);
    api.fallback(crate::web::page).layer(CompressionLayer::new()).layer(middleware::from_fn(limits::catch))
}

async fn unknown(uri: axum::http::Uri) -> ApiError {
    let message = format!("there is nothing at {}", uri.path());
    ApiError(crate::app::Error::not_found("no_such_path", message).mend("see /api/v1/openapi.json"))
}

async fn wrong_method(method: axum::http::Method, uri: axum::http::Uri) -> ApiError {
    let message = format!("{} does not take {method}", uri.path());
    ApiError(crate::app::Error::not_found("no_such_method", message).mend("see /api/v1/openapi.json"))
}

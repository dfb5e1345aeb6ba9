//! With a token nothing is told without it.

use crate::support::{Server, json as read};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_asked_for_by_header_or_cookie() {
    let server = Server::with_token(Some("open-sesame")).await;
    let (status, error) = server.try_get("/workspace").await;
    assert_eq!((status.as_u16(), &error["error"]["code"]), (401, &json!("token_needed")));
    let with = |header: header::HeaderName, value: &str| {
        Request::get("/api/v1/workspace").header(header, value).body(Body::empty()).unwrap()
    };
    let (status, body) = read(server.send(with(header::AUTHORIZATION, "Bearer open-sesame")).await).await;
    assert_eq!((status.as_u16(), &body["token_required"]), (200, &json!(true)));
    let (status, _) = read(server.send(with(header::AUTHORIZATION, "Bearer other")).await).await;
    assert_eq!(status, 401);

    let (status, _) = server.post("/session", json!({"token": "wrong"})).await;
    assert_eq!(status, 401);
    let request = Request::post("/api/v1/session").body(Body::from(r#"{"token":"open-sesame"}"#)).unwrap();
    let response = server.send(request).await;
    assert_eq!(response.status(), 204);
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let (status, _) = read(server.send(with(header::COOKIE, pair)).await).await;
    assert_eq!(status, 200);
    // The page itself is no secret: it asks for the token.
    let page = server.send(Request::get("/").body(Body::empty()).unwrap()).await;
    assert_eq!(page.status(), 200);
}

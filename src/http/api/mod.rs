//! The API: every operation under `/api/v1`, described by `/api/v1/openapi.json`.

mod answer;
mod describe;
pub mod problem;

use std::sync::Arc;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, any, get, on, post};
use axum::{Extension, Router, middleware};

use super::door::{self, Door, Entrance, enter, guard, session};
use super::live::{self, Live};
use crate::operations::all::{Visitor, visit};
use crate::operations::refusal::Told;
use crate::operations::{Operation, Verb};

pub use describe::document;

/// Where all of it is.
pub const BASE: &str = "/api/v1";

/// The routes, behind the door; or what is said where it is closed.
pub fn router(entrance: &Entrance, live: Live) -> Router {
    match entrance {
        Entrance::Open(door) => open(Arc::clone(door), live),
        Entrance::Closed(told) => closed(told),
    }
}

fn closed(told: &Told) -> Router {
    let told = Arc::new(told.clone());
    let say = any(move || {
        let told = Arc::clone(&told);
        async move { problem::of(&told) }
    });
    Router::new()
        .route("/api/v1/openapi.json", get(describe_it))
        .route("/enter", say.clone())
        .route("/api/{*path}", say)
}

fn open(door: Arc<Door>, live: Live) -> Router {
    let mut routes = Routes { router: Router::new() };
    visit(&mut routes);
    routes
        .router
        .route("/api/v1/openapi.json", get(describe_it))
        .route("/api/v1/session", post(session::begin).delete(session::end))
        .route("/api/v1/live", get(live::answer))
        .layer(Extension(live))
        .route("/enter", get(enter::look).post(enter::enter))
        .layer(middleware::from_fn_with_state(door.clone(), guard))
        .with_state(door)
}

struct Routes {
    router: Router<Arc<Door>>,
}

impl Visitor for Routes {
    fn meets<O: Operation>(&mut self) {
        let verb = match O::VERB {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
            Verb::Put => MethodFilter::PUT,
            Verb::Delete => MethodFilter::DELETE,
        };
        let path = format!("{BASE}{}", O::PATH);
        self.router = std::mem::take(&mut self.router).route(&path, on(verb, answer::answer::<O>));
    }
}

async fn describe_it() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document().to_string()).into_response()
}

/// What is not there, below `/api/`.
pub fn not_there() -> Response {
    let told =
        door::told(crate::operations::Kind::Missing, "no-such-route", "there is nothing at this address");
    let mut response = problem::of(&told);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

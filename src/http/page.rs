//! The page at `/`: what runs, did it work. Plain HTML, no script; everything from outside is escaped.

use std::fmt::Write;

use html_escape::encode_text as text;
use sqlx::PgPool;

use crate::domain::settings::Settings;
use crate::store::history;
use crate::store::lists::{self, Depth, ExecutionRow, MOST, WorkflowRow};

/// What the page shows.
#[derive(Debug)]
pub(super) struct Facts {
    depth: Depth,
    whole: Option<Whole>,
}

/// What only who is signed in sees.
#[derive(Debug)]
struct Whole {
    workflows: Vec<WorkflowRow>,
    executions: Vec<ExecutionRow>,
}

impl Facts {
    /// Reads it; what only who is signed in sees, if that is so.
    pub(super) async fn gather(pool: &PgPool, is_known: bool) -> sqlx::Result<Self> {
        let depth = lists::depth(pool).await?;
        if !is_known {
            return Ok(Self { depth, whole: None });
        }
        let filter = history::Filter { limit: 20, ..history::Filter::default() };
        let workflows = lists::workflows(pool, Some("published"), 100).await?;
        let executions = history::executions(pool, &filter).await?.rows;
        Ok(Self { depth, whole: Some(Whole { workflows, executions }) })
    }
}

/// The whole page. `unready` says why the engine does not work, if it does not.
pub(super) fn render(facts: &Result<Facts, &str>, unready: Option<&str>, settings: &Settings) -> String {
    let (class, state) = match (unready, facts) {
        (Some(reason), _) => ("failed", format!("✕ Not ready: {reason}")),
        (None, Err(reason)) => ("failed", format!("✕ {reason}")),
        (None, Ok(_)) => ("succeeded", "● Running".to_owned()),
    };
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta http-equiv=\"refresh\" content=\"5\">\
         <title>thendo</title><link rel=\"icon\" href=\"/favicon.svg\"><link rel=\"stylesheet\" href=\"/style.css\"></head><body><main>\
         <header><h1>thendo</h1><p class=\"state {class}\">{}</p></header>",
        text(&state)
    );
    if let Ok(facts) = facts {
        push_depth(&mut html, facts.depth);
        match &facts.whole {
            Some(whole) => {
                push_workflows(&mut html, &whole.workflows);
                push_executions(&mut html, &whole.executions);
            }
            None => html.push_str(
                "<section><p class=\"quiet\">Who is signed in sees more: <code>thendo link</code> prints a link that signs \
                 in.</p></section>",
            ),
        }
    }
    push_footer(&mut html, facts.as_ref().is_ok_and(|facts| facts.whole.is_some()).then_some(settings));
    html.push_str("</main></body></html>\n");
    html
}

fn push_depth(html: &mut String, depth: Depth) {
    html.push_str("<section class=\"numbers\">");
    for (count, what) in [
        (depth.due, "in the queue"),
        (depth.waiting, "executions waiting"),
        (depth.deliveries, "mails on their way"),
    ] {
        let more = if count >= MOST { "+" } else { "" };
        let _infallible = write!(html, "<div><strong>{count}{more}</strong><span>{what}</span></div>");
    }
    html.push_str("</section>");
}

fn push_workflows(html: &mut String, workflows: &[WorkflowRow]) {
    html.push_str("<section><h2>Workflows</h2>");
    if workflows.is_empty() {
        html.push_str(
            "<p class=\"quiet\">None is published. <code>thendo workflow load FILE</code> publishes one.</p>",
        );
    }
    html.push_str("<ul class=\"workflows\">");
    for workflow in workflows {
        let (class, shape) = match workflow.health.as_str() {
            "valid" => ("succeeded", "●"),
            "broken" => ("failed", "✕"),
            _ => ("waiting", "◐"),
        };
        let version =
            workflow.live_version.map_or_else(|| "no version in force".into(), |n| format!("version {n}"));
        let _infallible = write!(
            html,
            "<li><span class=\"{class}\" title=\"{0}\">{shape}</span> <b>{1}</b> <span class=\"quiet\">{0} · {2}</span>",
            text(&workflow.health),
            text(&workflow.name),
            text(&version)
        );
        push_diagnostics(html, &workflow.diagnostics);
        html.push_str("</li>");
    }
    html.push_str("</ul></section>");
}

fn push_diagnostics(html: &mut String, diagnostics: &serde_json::Value) {
    let Some(list) = diagnostics.as_array().filter(|list| !list.is_empty()) else { return };
    html.push_str("<ul class=\"diagnostics\">");
    for diagnostic in list.iter().take(20) {
        let field = |name: &str| diagnostic[name].as_str().unwrap_or_default();
        let _infallible = write!(html, "<li><code>{}</code> {}", text(field("node")), text(field("message")));
        if !field("help").is_empty() {
            let _infallible = write!(html, " <span class=\"quiet\">{}</span>", text(field("help")));
        }
        html.push_str("</li>");
    }
    html.push_str("</ul>");
}

fn push_executions(html: &mut String, executions: &[ExecutionRow]) {
    html.push_str("<section><h2>Last executions</h2>");
    if executions.is_empty() {
        html.push_str("<p class=\"quiet\">None yet. <code>thendo demo order --total 250.00</code> places a sample order.</p></section>");
        return;
    }
    html.push_str(
        "<div class=\"scroll\"><table><thead><tr><th></th><th>Workflow</th><th>Event</th><th>Took</th>\
         <th>Execution</th></tr></thead><tbody>",
    );
    for row in executions {
        let (class, shape) = shape(&row.status);
        let took = row
            .finished_at
            .map_or_else(String::new, |end| format!("{} ms", (end - row.started_at).num_milliseconds()));
        let error = row
            .error
            .as_deref()
            .map_or_else(String::new, |error| format!("<div class=\"failed\">{}</div>", text(error)));
        let _infallible = write!(
            html,
            "<tr><td class=\"{class}\" title=\"{0}\">{shape}</td><td>{1}{error}</td><td><time>{2}</time></td>\
             <td class=\"number\">{took}</td><td><code>{3}</code></td></tr>",
            text(&row.status),
            text(row.workflow.as_deref().unwrap_or("(gone)")),
            row.event_at.format("%Y-%m-%d %H:%M:%S UTC"),
            row.id,
        );
    }
    html.push_str("</tbody></table></div></section>");
}

/// Status has colour and shape.
fn shape(status: &str) -> (&'static str, &'static str) {
    match status {
        "succeeded" => ("succeeded", "●"),
        "waiting" => ("waiting", "◐"),
        "failed" => ("failed", "✕"),
        _ => ("quiet", "○"),
    }
}

fn push_footer(html: &mut String, settings: Option<&Settings>) {
    let mail = match settings.map(|settings| (settings, &settings.mail.smtp_url)) {
        None => String::new(),
        Some((_, Some(_))) => "Mail goes to the SMTP server.".to_owned(),
        Some((settings, None)) => {
            format!("Mail goes to <code>{}</code>.", text(&settings.mailbox().display().to_string()))
        }
    };
    let _infallible = write!(
        html,
        "<footer><p>{mail}</p><p><a href=\"/healthz\">healthz</a> <a href=\"/readyz\">readyz</a> \
         <a href=\"/metrics\">metrics</a> <span class=\"quiet\">thendo {}</span></p></footer>",
        env!("CARGO_PKG_VERSION")
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let evil = "<script>alert(1)</script>";
        let whole = Whole {
            workflows: vec![WorkflowRow {
                id: uuid::Uuid::nil(),
                name: evil.into(),
                status: "published".into(),
                health: "broken".into(),
                diagnostics: serde_json::json!([{"node": evil, "message": evil, "help": evil}]),
                live_version: None,
            }],
            executions: vec![ExecutionRow {
                id: uuid::Uuid::nil(),
                event_at: chrono::DateTime::UNIX_EPOCH,
                event_id: uuid::Uuid::nil(),
                workflow: Some(evil.into()),
                workflow_id: uuid::Uuid::nil(),
                version: 1,
                status: "failed".into(),
                error: Some(evil.into()),
                started_at: chrono::DateTime::UNIX_EPOCH,
                finished_at: None,
            }],
        };
        let depth = Depth { due: 0, waiting: 0, deliveries: 0 };
        let facts = Facts { depth, whole: Some(whole) };
        let html = render(&Ok(facts), Some(evil), &Settings::default());
        assert!(!html.contains("<script"), "{html}");
        assert_eq!(html.matches("&lt;script&gt;").count(), 7);
        let facts = Facts { depth, whole: None };
        let html = render(&Ok(facts), None, &Settings::default());
        assert!(
            html.contains("thendo link") && !html.contains("Workflows") && !html.contains("Mail"),
            "{html}"
        );
    }
}

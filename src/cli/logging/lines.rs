//! One JSON object per line, flat: what is logged about an execution has `execution`, `workflow` and `event` at its top,
//! whether the line itself names them or the span that it is in.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats events as JSON.
pub(super) struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        // From the outermost in, so that the nearest says what a field is.
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            if let Some(of_span) = extensions.get::<FormattedFields<JsonFields>>()
                && let Ok(of_span) = serde_json::from_str::<Map<String, Value>>(&of_span.fields)
            {
                fields.0.extend(of_span);
            }
        }
        event.record(&mut fields);
        let about = event.metadata();
        let mut line = Map::new();
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        line.insert("timestamp".into(), now.into());
        line.insert("level".into(), about.level().as_str().into());
        line.insert("target".into(), about.target().into());
        if let Some(message) = fields.0.remove("message") {
            line.insert("message".into(), message);
        }
        line.extend(fields.0);
        let line = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().trim_start_matches("r#").to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    /// With what is behind it.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut words = value.to_string();
        let mut cause = value.source();
        while let Some(behind) = cause {
            words = format!("{words}: {behind}");
            cause = behind.source();
        }
        self.put(field, words.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_the_spans_say_is_at_the_top_of_the_line() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let _outer = tracing::info_span!("batch", worker = 1, workflow = "outer").entered();
            let _inner = tracing::info_span!("execution", workflow = "w", execution = %"x\"y").entered();
            let fault = std::io::Error::other("gone");
            tracing::warn!(event = %"e", rows = 3, error = &fault as &dyn Error, "it \"failed\"\nbadly");
        });
        let text = String::from_utf8(kept.0.lock().expect("no panic").clone()).expect("UTF-8");
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "it \"failed\"\nbadly");
        assert_eq!((&line["worker"], &line["rows"]), (&json!(1), &json!(3)));
        assert_eq!(
            (&line["workflow"], &line["execution"], &line["event"]),
            (&json!("w"), &json!("x\"y"), &json!("e"))
        );
        assert_eq!(line["error"], "gone");
        assert!(line["target"].as_str().expect("a text").starts_with("thendo::"), "{text}");
    }
}

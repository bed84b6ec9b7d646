//! What happens in a test run: one of several ways to say so.

use serde_json::{Map, Value};

use super::{EVENT, RowOf, ToTry, faulty, refused};
use crate::domain::event::Event;
use crate::operations::workflows::catalogue;
use crate::operations::{Kind, Refusal};
use crate::testrun::Stage;
use crate::workflow::event_file::{self, Given};
use crate::workflow::plan::Plan;

/// An event, rows that are to be there, and what the reader should know.
type Happened = (Event, Vec<Given>, Vec<String>);

/// Said of what is not of the event's own time.
const TODAY: &str = "the customer and whatever else is looked up are as they are now, not as they were then";

/// Whether it is said what happens, in one way.
pub(super) fn one_of(asked: &ToTry) -> Result<(), Refusal> {
    let ways = [asked.event.is_some(), asked.event_id.is_some(), asked.row.is_some(), asked.sample];
    if ways.iter().filter(|way| **way).count() == 1 {
        return Ok(());
    }
    Err(Refusal::new(Kind::Malformed, "bad-body", "it is not said what happens, or in more than one way")
        .help("say one of `event`, `event_id`, `row` and `sample`"))
}

/// What an event file says.
pub(super) fn of_file(file: &Value) -> Result<Happened, Refusal> {
    let read = event_file::read(file, catalogue()).map_err(|faults| faulty(EVENT, faults))?;
    Ok((read.event, read.given, Vec::new()))
}

/// What is recorded, or stored, of what happens.
pub(super) async fn found(stage: &Stage, plan: &Plan, asked: &ToTry) -> Result<Happened, Refusal> {
    let (event, labels) = if let Some(id) = asked.event_id {
        let found = stage.recorded(id).await.map_err(refused)?.ok_or_else(|| {
            Refusal::new(Kind::Missing, "no-such-event", format!("there is no event {id}"))
                .help("`thendo events list` lists them")
        })?;
        (found, vec![TODAY.to_owned()])
    } else if let Some(row) = &asked.row {
        (of_row(stage, plan, row).await?, Vec::new())
    } else {
        sample(stage, plan).await?
    };
    Ok((event, Vec::new(), labels))
}

/// A row as its trigger would tell of it.
async fn of_row(stage: &Stage, plan: &Plan, RowOf { table, key }: &RowOf) -> Result<Event, Refusal> {
    let tables: Vec<&str> = plan.sources().iter().map(|source| &*source.table).collect();
    if !tables.contains(&table.as_str()) {
        let message = format!("the workflow does not begin with rows of `{}`", one_line(table));
        return Err(Refusal::new(Kind::Invalid, "other-table", message)
            .help(format!("its trigger looks at {}", tables.join(", "))));
    }
    let row = stage.row(table, key).await.map_err(refused)?.ok_or_else(|| {
        let message = format!("there is no row `{}` in `{}`", one_line(key), one_line(table));
        Refusal::new(Kind::Missing, "no-such-row", message)
            .help("name a row by its id, of a table whose changes are recorded")
    })?;
    stage.event_of(plan, table, row).await.map_err(refused)
}

async fn sample(stage: &Stage, plan: &Plan) -> Result<(Event, Vec<String>), Refusal> {
    if let Some(event) = stage.latest(plan).await.map_err(refused)? {
        let label = format!("on the latest recorded event that would start it, {} of {}", event.id, event.at);
        return Ok((event, vec![label, TODAY.to_owned()]));
    }
    for source in plan.sources() {
        if let Some(row) = stage.latest_row(&source.table).await.map_err(refused)? {
            let id = row.get("id").map(Value::to_string).unwrap_or_default();
            let event = stage.event_of(plan, &source.table, row).await.map_err(refused)?;
            return Ok((event, vec![format!("on the latest row of {}: {id}", source.table)]));
        }
    }
    let tables: Vec<&str> = plan.sources().iter().map(|source| &*source.table).collect();
    let example = Map::from_iter([("type".to_owned(), Value::from(plan.trigger_kind()))]);
    let message =
        format!("no event is recorded that would start it, and there is no row in {}", tables.join(", "));
    Err(Refusal::new(Kind::Conflict, "no-sample", message).help(format!(
        "write an event file and name it with --event; it begins like {}",
        Value::Object(example)
    )))
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

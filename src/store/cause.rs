//! Who has what written: told to the database ahead of each wave, so that the events of what the engine writes carry
//! their cause and depth (`record_event()`), also where one statement writes for five hundred executions.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Serialize, Serializer};
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::effects::Asked;
use super::session::{Session, Sql, StoreError};
use crate::domain::effect::{Effect, Key};
use crate::domain::ids::ExecutionId;

// Settings of the transaction. Lists of a few names; a value is empty where nothing is said any more.
pub(super) static TELL_CAUSES: Sql = Sql {
    name: "tell_causes",
    text: "select count(set_config('thendo.cause' || i.name, coalesce(i.map #>> '{}', ''), true))
           from unnest($1::text[], $2::jsonb[]) as i (name, map)",
};
pub(super) static CHAINS: Sql = Sql { name: "chains", text: include_str!("sql/chains.sql") };

/// Who has a row written, and the depth of the row's event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cause {
    execution: Uuid,
    depth: i16,
}

/// As `record_event()` reads it: the depth behind the 36 letters of the id.
impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}{}", self.execution, self.depth))
    }
}

/// By a key or an entity, as the rows' JSON spells it.
type Named = BTreeMap<String, Cause>;

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Said {
    All(Option<Cause>),
    Named(Named),
}

/// Who has what written in one batch, wave by wave.
#[derive(Debug, Default)]
pub struct Causes {
    entities: Named,
    most: Option<Cause>,
    /// Tables that a former wave wrote to.
    tables: HashSet<Cow<'static, str>>,
}

impl Causes {
    /// Tells the database who has what written by the effects that come next, in the transaction that the caller holds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tell(&mut self, session: &Session, asked: &[Asked]) -> Result<(), StoreError> {
        let (names, maps): (Vec<String>, Vec<Json<Said>>) =
            self.of_wave(asked).into_iter().map(|(name, said)| (name, Json(said))).unzip();
        session.query(&TELL_CAUSES, &[&names, &maps]).await.map(|_| ())
    }

    /// The settings, each by what its name ends in. Where several have one row written, the deepest counts.
    fn of_wave(&mut self, asked: &[Asked]) -> Vec<(String, Said)> {
        let mut tables: HashMap<Cow<'static, str>, Named> =
            self.tables.iter().map(|table| (table.clone(), Named::new())).collect();
        let mut entities = Named::new();
        for Asked { execution, depth, customer, request, .. } in asked {
            let cause = Cause { execution: execution.0, depth: depth.saturating_add(1) };
            let mut writes =
                |table: Cow<'static, str>, key: Uuid| raise(tables.entry(table).or_default(), key, cause);
            let of: Vec<Uuid> = match &request.effect {
                Effect::AwardPoints { customer, order, .. } => {
                    writes("loyalty_ledger".into(), request.id.0);
                    writes("loyalty_points".into(), *customer);
                    vec![*customer].into_iter().chain(*order).collect()
                }
                Effect::Rows(rows) => {
                    for (table, key) in &rows.writes {
                        writes(table.clone(), if let Key::Of(key) = key { *key } else { request.id.0 });
                    }
                    rows.targets.iter().map(|(_, key)| *key).chain(*customer).collect()
                }
                Effect::StartWorkflow { .. } => {
                    writes("manual".into(), request.id.0);
                    Vec::from_iter(*customer)
                }
                Effect::SendEmail(_) | Effect::HttpRequest(_) => Vec::from_iter(*customer),
            };
            of.into_iter().for_each(|entity| raise(&mut entities, entity, cause));
            if self.most.is_none_or(|most| most.depth < cause.depth) {
                self.most = Some(cause);
            }
        }
        self.tables.extend(tables.keys().cloned());
        // What triggers put off until the commit may be of any wave: the latest of an entity counts.
        self.entities.extend(entities);
        let mut said = vec![
            (String::new(), Said::All(self.most)),
            ("_of_entities".to_owned(), Said::Named(self.entities.clone())),
        ];
        said.extend(tables.into_iter().map(|(table, keys)| (format!("_in_{table}"), Said::Named(keys))));
        said
    }
}

fn raise(named: &mut Named, key: Uuid, cause: Cause) {
    let known = named.entry(key.to_string()).or_insert(cause);
    if known.depth < cause.depth {
        *known = cause;
    }
}

/// The workflows whose executions stand one behind the other, by the last execution: the first workflow first. What is
/// no longer recorded is missing.
///
/// # Errors
/// [`StoreError`].
pub async fn chains(
    session: &Session,
    last: &[ExecutionId],
) -> Result<HashMap<ExecutionId, Vec<String>>, StoreError> {
    let ids: Vec<Uuid> = last.iter().map(|id| id.0).collect();
    let rows = session.query(&CHAINS, &[&ids]).await?;
    Ok(rows.iter().map(|row| (ExecutionId(row.get("id")), row.get("names"))).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::effect::Request;
    use crate::domain::ids::EffectId;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn award(execution: u128, depth: i16, customer: u128, order: Option<u128>) -> Asked {
        let effect = Effect::AwardPoints {
            customer: id(customer),
            order: order.map(id),
            points: 1,
            reason: String::new(),
            expires: None,
        };
        let request = Request {
            id: EffectId(id(execution + 100)),
            node: "points".into(),
            item: Vec::new(),
            effect,
            retry: None,
        };
        Asked {
            execution: ExecutionId(id(execution)),
            workflow: Default::default(),
            lane: 0,
            depth,
            customer: Some(id(customer)),
            request,
        }
    }

    fn said(causes: &mut Causes, asked: &[Asked]) -> BTreeMap<String, Value> {
        let said = causes.of_wave(asked).into_iter();
        said.map(|(name, said)| (name, serde_json::to_value(said).expect("JSON"))).collect()
    }

    fn by(execution: u128, depth: i16) -> String {
        format!("{}{depth}", id(execution))
    }

    #[test]
    fn each_row_has_its_own_cause_and_one_of_several_the_deepest() {
        let mut causes = Causes::default();
        let said = said(
            &mut causes,
            &[award(1, 0, 50, Some(70)), award(2, 7, 51, Some(71)), award(3, 3, 50, Some(72))],
        );
        assert_eq!(said[""], json!(by(2, 8)));
        assert_eq!(
            said["_in_loyalty_ledger"],
            json!({id(101).to_string(): by(1, 1), id(102).to_string(): by(2, 8), id(103).to_string(): by(3, 4)})
        );
        assert_eq!(
            said["_in_loyalty_points"],
            json!({id(50).to_string(): by(3, 4), id(51).to_string(): by(2, 8)})
        );
        let entities = &said["_of_entities"];
        assert_eq!(
            (&entities[id(70).to_string()], &entities[id(72).to_string()]),
            (&json!(by(1, 1)), &json!(by(3, 4)))
        );
    }

    #[test]
    fn what_a_former_wave_wrote_is_not_laid_to_the_next_one() {
        let mut causes = Causes::default();
        said(&mut causes, &[award(1, 7, 50, None)]);
        let mail = Asked {
            request: Request {
                effect: Effect::StartWorkflow { workflow: "w".into(), input: serde_json::Map::new() },
                ..award(2, 0, 50, None).request
            },
            ..award(2, 0, 50, None)
        };
        let second = said(&mut causes, &[mail]);
        assert_eq!(second["_in_loyalty_points"], json!({}));
        assert_eq!(second["_of_entities"], json!({id(50).to_string(): by(2, 1)}));
        assert_eq!(second[""], json!(by(1, 8)), "of the batch, for what is put off until the commit");
    }
}

//! `[rows]`: what workflows may write beside what their actions are made for.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::forms::listed;

/// Which rows workflows may write by `update_row` and `insert_row`. It takes effect with `thendo migrate`, or `up`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rows {
    /// Tables, each with its columns, in a list or with commas.
    #[serde(deserialize_with = "listed_by_name")]
    pub allow: BTreeMap<String, Vec<String>>,
}

fn listed_by_name<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    struct Names(#[serde(deserialize_with = "listed")] Vec<String>);
    let by_name = BTreeMap::<String, Names>::deserialize(from)?;
    Ok(by_name.into_iter().map(|(name, names)| (name, names.0)).collect())
}

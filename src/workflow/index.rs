//! The index: whom an event may concern, found by the values of its fields. Without it each event asks every plan.

use std::collections::HashMap;
use std::hash::Hash;

use serde_json::Value;

use super::anchor::{Anchor, Anchors, Bound, Key, Reading, Seen};
use super::context::below;
use super::subjects::CUSTOMER;
use crate::domain::event::Row;

/// Numbers of entries, by the anchors of each. An entry is found whenever its anchors may hold.
#[derive(Debug, Default)]
pub struct Index {
    always: Vec<usize>,
    by_event: Vec<(Place, Values)>,
    by_customer: Vec<(Place, Values)>,
}

/// A field, and how it is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    root: Root,
    path: Vec<String>,
    reading: Reading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Root {
    Row,
    Old,
    Customer,
}

/// The entries of one place.
#[derive(Debug, Default)]
struct Values {
    equal: HashMap<Key, Vec<usize>>,
    /// By rising number: those up to the value.
    at_least: Vec<(i64, usize)>,
    /// By falling number: those down to the value.
    at_most: Vec<(i64, usize)>,
}

/// To load a customer costs as much as to ask so many entries.
const A_CUSTOMER: usize = 32;

/// What a way of finding an entry has in common with others.
type Crowd<'a> = (Place, Option<&'a Key>);

impl Index {
    /// Of entries by what they are anchored in: of each of the ways all entries are found. `subject` is the name of the
    /// event's row.
    pub fn new(entries: &[Vec<Anchors>], subject: &str) -> Self {
        let placed = |anchors: &Anchors| {
            anchors.iter().map(|anchor| place(anchor, subject)).collect::<Option<Vec<Place>>>()
        };
        let ways: Vec<Vec<(&Anchors, Vec<Place>)>> = entries
            .iter()
            .map(|ways| ways.iter().filter_map(|anchors| Some((anchors, placed(anchors)?))).collect())
            .collect();
        // Found by what is rarest: a state that a thousand ask for helps nobody.
        let mut crowds: HashMap<Crowd<'_>, usize> = HashMap::new();
        for (anchors, places) in ways.iter().flatten() {
            crowds_of(anchors, places).for_each(|crowd| *crowds.entry(crowd).or_default() += 1);
        }
        let mut values: HashMap<Place, Values> = HashMap::new();
        let mut index = Self::default();
        for (entry, ways) in ways.iter().enumerate() {
            let crowded = |(anchors, places): &&(&Anchors, Vec<Place>)| {
                let by_customer = places.iter().any(|place| place.root == Root::Customer);
                let crowd = crowds_of(anchors, places).map(|crowd| crowds.get(&crowd).copied().unwrap_or(0));
                crowd.sum::<usize>() + if by_customer { A_CUSTOMER } else { 0 }
            };
            match ways.iter().min_by_key(crowded) {
                None => index.always.push(entry),
                Some((anchors, places)) => {
                    for (anchor, place) in anchors.iter().zip(places) {
                        values.entry(place.clone()).or_default().add(&anchor.bound, entry);
                    }
                }
            }
        }
        for (place, mut of) in values {
            of.at_least.sort_unstable();
            of.at_most.sort_unstable_by(|a, b| b.cmp(a));
            if place.root == Root::Customer { &mut index.by_customer } else { &mut index.by_event }
                .push((place, of));
        }
        index
    }

    /// Whom an event with this row, and these former values, may concern, whoever its customer is. In order.
    pub fn of_event(&self, row: &Row, old: &Row) -> Vec<usize> {
        let mut found = self.always.clone();
        for (place, values) in &self.by_event {
            let of = if place.root == Root::Old { old } else { row };
            values.find(place, Some(of), &mut found);
        }
        in_order(found)
    }

    /// Whether there are some that the customer decides about.
    pub fn asks_for_customer(&self) -> bool {
        !self.by_customer.is_empty()
    }

    /// Whom it may concern beside those of [`Self::of_event`], with this customer. In order.
    pub fn of_customer(&self, customer: Option<&Row>) -> Vec<usize> {
        let mut found = Vec::new();
        self.by_customer.iter().for_each(|(place, values)| values.find(place, customer, &mut found));
        in_order(found)
    }

    /// All that the customer decides about. In order.
    pub fn of_any_customer(&self) -> Vec<usize> {
        let mut all = Vec::new();
        self.by_customer.iter().for_each(|(_, values)| values.find_all(&mut all));
        in_order(all)
    }
}

impl Values {
    fn add(&mut self, bound: &Bound, entry: usize) {
        match bound {
            Bound::OneOf(keys) => {
                keys.iter().for_each(|key| self.equal.entry(key.clone()).or_default().push(entry));
            }
            Bound::AtLeast(number) => self.at_least.push((*number, entry)),
            Bound::AtMost(number) => self.at_most.push((*number, entry)),
        }
    }

    fn find(&self, place: &Place, row: Option<&Row>, found: &mut Vec<usize>) {
        let value = row.and_then(|row| value_at(row, &place.path));
        match place.reading.see(value) {
            Seen::Nothing => {}
            Seen::Null => found.extend(self.ranges()),
            Seen::Anything => self.find_all(found),
            Seen::Key(key) => {
                found.extend(self.equal.get(&key).into_iter().flatten());
                match key {
                    Key::Whole(is) => {
                        found.extend(self.at_least.iter().take_while(|(least, _)| *least <= is).map(entry));
                        found.extend(self.at_most.iter().take_while(|(most, _)| *most >= is).map(entry));
                    }
                    // A text may be greater than a number for whoever compares them as they are.
                    Key::Text(_) | Key::Flag(_) => found.extend(self.ranges()),
                }
            }
        }
    }

    fn find_all(&self, found: &mut Vec<usize>) {
        found.extend(self.equal.values().flatten().copied().chain(self.ranges()));
    }

    fn ranges(&self) -> impl Iterator<Item = usize> {
        self.at_least.iter().chain(&self.at_most).map(entry)
    }
}

fn entry((_, entry): &(i64, usize)) -> usize {
    *entry
}

fn in_order(mut found: Vec<usize>) -> Vec<usize> {
    found.sort_unstable();
    found.dedup();
    found
}

fn crowds_of<'a>(anchors: &'a Anchors, places: &[Place]) -> impl Iterator<Item = Crowd<'a>> {
    anchors.iter().zip(places).flat_map(|(anchor, place)| {
        let keys: Vec<Option<&Key>> = match &anchor.bound {
            Bound::OneOf(keys) => keys.iter().map(Some).collect(),
            Bound::AtLeast(_) | Bound::AtMost(_) => vec![None],
        };
        keys.into_iter().map(|key| (place.clone(), key)).collect::<Vec<_>>()
    })
}

/// Where an anchor's field is found; `None` if that takes more than the event and the customer.
fn place(anchor: &Anchor, subject: &str) -> Option<Place> {
    let (root, path) = anchor.path.split_first()?;
    let root = match root.as_str() {
        name if name == subject => Root::Row,
        name if name == CUSTOMER.name => Root::Customer,
        "old" => Root::Old,
        _ => return None,
    };
    (!path.is_empty()).then(|| Place { root, path: path.to_vec(), reading: anchor.reading })
}

fn value_at<'a>(row: &'a Row, path: &[String]) -> Option<&'a Value> {
    let (field, rest) = path.split_first()?;
    below(row.get(field)?, rest)
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;

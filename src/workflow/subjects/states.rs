//! The states that triggers are asked about, as docs/states.md lists them.

/// `orders.status`.
pub const OF_ORDERS: &[&str] = &["pending", "processing", "completed", "cancelled", "refunded"];
/// `subscriptions.status`.
pub const OF_SUBSCRIPTIONS: &[&str] =
    &["incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused"];

/// What may become what in workflows: from, to.
pub type Moves = &'static [(&'static str, &'static str)];

/// Of `orders.status`.
pub const MOVES_OF_ORDERS: Moves = &[
    ("pending", "processing"),
    ("pending", "completed"),
    ("pending", "cancelled"),
    ("processing", "completed"),
    ("processing", "cancelled"),
    ("processing", "refunded"),
    ("completed", "refunded"),
    ("cancelled", "refunded"),
];
/// Of `deposits.status`.
pub const MOVES_OF_DEPOSITS: Moves = &[("pending", "paid"), ("pending", "waived"), ("paid", "refunded")];

/// The states that may become `to`.
pub fn may_become(moves: Moves, to: &str) -> Vec<&'static str> {
    moves.iter().filter(|(_, then)| *then == to).map(|(from, _)| *from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_the_document() {
        let document = include_str!("../../../docs/states.md");
        for (column, states) in [("orders.status", OF_ORDERS), ("subscriptions.status", OF_SUBSCRIPTIONS)] {
            let heading = format!("### `{column}`\n");
            let section =
                document.split(&heading).nth(1).expect("documented").split("\n#").next().expect("a section");
            let listed: Vec<&str> = section
                .lines()
                .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
                .map(|(state, _)| state)
                .collect();
            assert_eq!(listed, states, "{column}");
        }
    }
}

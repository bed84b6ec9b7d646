//! The states that triggers are asked about, as docs/states.md lists them.

/// `orders.status`.
pub const OF_ORDERS: &[&str] = &["pending", "processing", "completed", "cancelled", "refunded"];
/// `subscriptions.status`.
pub const OF_SUBSCRIPTIONS: &[&str] =
    &["incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused"];

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

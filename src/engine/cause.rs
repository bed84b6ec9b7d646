//! The loop guard: an event that has too many executions before it starts nothing, and who follows it is told.

use crate::domain::event::MAX_DEPTH;
use crate::domain::ids::ExecutionId;
use crate::store::cause::chains;
use crate::store::executions::Identity;
use crate::store::session::{Session, StoreError};

use super::resume::Broken;

/// Executions that would have been one too many, each with what wrote the row of its event: they are recorded as
/// failed, with the chain that leads to them.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn end_loops(
    session: &Session,
    looping: Vec<(Option<ExecutionId>, Identity)>,
) -> Result<Vec<Broken>, StoreError> {
    if looping.is_empty() {
        return Ok(Vec::new());
    }
    let mut last: Vec<ExecutionId> = looping.iter().filter_map(|(cause, _)| *cause).collect();
    last.sort_unstable();
    last.dedup();
    let chains = chains(session, &last).await?;
    let broken = looping.into_iter().map(|(cause, identity)| {
        let chain = cause.and_then(|cause| chains.get(&cause)).map_or(&[][..], Vec::as_slice);
        Broken { error: in_words(chain), identity, steps: Vec::new(), state: None, tells: None }
    });
    Ok(broken.collect())
}

fn in_words(chain: &[String]) -> String {
    let names: Vec<String> = chain.iter().map(|name| format!("`{name}`")).collect();
    let known = match names.is_empty() {
        true => String::new(),
        false => format!(": {}", names.join(" → ")),
    };
    format!(
        "this is a loop: workflows have started each other {MAX_DEPTH} times in a row, each by what the one before it \
         wrote{known}. So this one was not started. Give the trigger of one of them a filter that such a change does not \
         pass, or let it listen to something else"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_told_if_it_is_known() {
        let said = in_words(&["a".into(), "b".into()]);
        assert!(said.contains("wrote: `a` → `b`. So"), "{said}");
        assert!(in_words(&[]).contains("wrote. So"));
    }
}

//! `docs/nodes.md`: the catalogue as a page.

use super::{ROLES, facts, settings};
use crate::workflow::describe::Described;

/// The whole page.
pub(super) fn page(all: &[Described]) -> String {
    let mut page = String::from(
        "# Nodes\n\n<!-- Written by `make docs` from the catalogue. Edit the kinds, not this page. -->\n\n\
         Every kind of node that a workflow can have. [workflows.md](workflows.md) says how they work together;\n\
         `thendo catalog KIND` shows the same in a terminal, `thendo catalog --format json` for editors.\n",
    );
    for (role, heading) in ROLES {
        let kinds: Vec<&Described> = all.iter().filter(|kind| kind.role == *role).collect();
        if kinds.is_empty() {
            continue;
        }
        page.push_str(&format!("\n## {heading}\n"));
        for kind in kinds {
            page.push('\n');
            page.push_str(&section(kind));
        }
    }
    page
}

/// One kind.
pub(super) fn section(kind: &Described) -> String {
    let mut section = format!("### `{}`: {}\n\n{}\n", kind.name, kind.label, kind.docs);
    let rows = settings::rows(&kind.schema);
    // Every trigger has a filter, with the same words: it is told once for each, in short.
    let rows: Vec<_> = rows.iter().filter(|row| !row.name.starts_with("filter.")).collect();
    if rows.is_empty() {
        section.push_str("\nIt has no settings.\n");
    } else {
        section.push_str("\n| setting | type | | |\n|---|---|---|---|\n");
        for row in rows {
            let cells = [&row.ty, &row.need, &row.docs].map(|cell| cell.replace('|', "\\|"));
            section.push_str(&format!("| `{}` | {} |\n", row.name, cells.join(" | ")));
        }
    }
    if kind.example.as_object().is_none_or(|example| !example.is_empty()) {
        let example = serde_json::to_string_pretty(&kind.example).unwrap_or_default();
        section.push_str(&format!("\n```json\n{example}\n```\n"));
    }
    for (heading, lines) in facts(kind) {
        section.push_str(&format!("\n**{heading}**: {}\n", lines.join("; ")));
    }
    section
}

//! The schema as a file and back.

use std::fmt;

use super::{Block, Kind, Schema};

const HEAD: &str = "\
-- The whole schema `public` as the migrations leave it. Generated from a fresh database by `make schema`; never edited.
-- Applied from top to bottom to an empty database that has the schema auth (migrations/shim/auth.sql), it makes the
-- same. Each line of three dashes names the object that the statements below it make: `thendo migrate --adopt` looks
-- them up there.
";

/// Begins a line that names a block.
const MARK: &str = "--- ";
/// Begins a heading between blocks.
const HEADING: &str = "-- ====";

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        let mut part = "";
        for block in &self.blocks {
            let heading = heading(block.kind);
            if !heading.is_empty() && heading != part {
                part = heading;
                write!(f, "\n\n{HEADING} {part}\n")?;
            }
            let marker = format!("{} {} {}", block.kind, block.of, block.name);
            write!(f, "\n{MARK}{}\n{}\n", marker.trim_end(), block.sql)?;
        }
        Ok(())
    }
}

/// The part of the file that a kind opens; empty for what only follows others.
fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Settings => "Before all",
        Kind::Function => "Functions",
        Kind::Table => "Tables, each with what belongs to it",
        Kind::ForeignKey => "Foreign keys",
        Kind::View | Kind::MaterializedView => "Views",
        Kind::FunctionOfRows => "Functions that take or return rows of tables",
        Kind::Policy => "Policies",
        _ => "",
    }
}

impl Schema {
    /// Reads what [`Display`](fmt::Display) wrote. What is before the first mark is left out.
    pub fn read(text: &str) -> Self {
        let mut blocks: Vec<Block> = Vec::new();
        for line in text.lines() {
            if let Some(block) = line.strip_prefix(MARK).and_then(named) {
                blocks.push(block);
            } else if let Some(block) = blocks.last_mut().filter(|_| !line.starts_with(HEADING)) {
                block.sql.push_str(line);
                block.sql.push('\n');
            }
        }
        for block in &mut blocks {
            block.sql.truncate(block.sql.trim_end().len());
        }
        Self { blocks }
    }
}

fn named(marker: &str) -> Option<Block> {
    let (word, rest) = marker.split_once(' ').unwrap_or((marker, ""));
    let kind = Kind::read(word)?;
    let (of, name) =
        if kind.is_of_function() { (rest, "") } else { rest.split_once(' ').unwrap_or((rest, "")) };
    Some(Block { kind, of: of.to_owned(), name: name.to_owned(), sql: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_reads_back_as_it_was_written() {
        let schema = Schema::read(super::super::EXPECTED);
        assert!(schema.blocks.len() > 50, "{}", schema.blocks.len());
        assert_eq!(schema.to_string(), super::super::EXPECTED);
        let orders = schema.find(Kind::Table, "public.orders", "").expect("the shop's orders");
        assert!(orders.sql.starts_with("create table public.orders (\n"), "{}", orders.sql);
    }
}

//! Everything that crosses a process: a real PostgreSQL, the built binary, real conversations.

mod support;

mod catalog;
mod cli;
mod crash;
mod demo_way;
mod doors;
mod effects;
mod hostile;
mod listening;
mod mailing;
mod newer;
mod publishing;
mod schema;
mod states;
mod supabase;
mod writers;

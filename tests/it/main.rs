//! Everything that crosses a process: a real PostgreSQL, the built binary, real conversations.

mod support;

mod adopting;
mod catalog;
mod cli;
mod crash;
mod demo_way;
mod describing;
mod doors;
mod effects;
mod events;
mod hostile;
mod listening;
mod mailing;
mod migrating;
mod newer;
mod publishing;
mod schema;
mod states;
mod supabase;
mod writers;

//! Everything that crosses a process: a real PostgreSQL, the built binary, real conversations.

mod support;

mod cli;
mod crash;
mod demo_way;
mod effects;
mod events;
mod hostile;
mod listening;
mod mailing;
mod publishing;
mod schema;
mod writers;

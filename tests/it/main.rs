//! Everything that crosses a process: a real PostgreSQL, the built binary, real conversations.

mod support;

mod cli;
mod crash;
mod demo_way;
mod effects;
mod explain;
mod hostile;
mod listening;
mod mailing;
mod newer;
mod publishing;
mod schema;
mod seed;
mod supabase;
mod writers;

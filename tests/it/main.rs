//! Everything that crosses a process: a real PostgreSQL, the built binary, real conversations.

mod support;

mod acts;
mod adopting;
mod adopting_shops;
mod bulk;
mod catalog;
mod cli;
mod crash;
mod demo_way;
mod describing;
mod detaching;
mod doors;
mod effects;
mod erasing;
mod events;
mod explain;
mod hostile;
mod in_git;
mod integrity;
mod listening;
mod mailing;
mod medusa;
mod migrating;
mod newer;
mod pages;
mod parts;
mod publishing;
mod schema;
mod seed;
mod states;
mod supabase;
mod tokens;
mod vectors;
mod versioning;
mod writers;

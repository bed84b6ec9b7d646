//! Other people's servers: requests to them, and which of them may be asked at all.

mod guard;
pub mod requests;

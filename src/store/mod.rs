//! All SQL.

pub mod demo;
pub mod lists;
pub mod workflow_files;

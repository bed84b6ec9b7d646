//! The `thendo` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    thendo::cli::main()
}

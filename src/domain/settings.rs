//! Settings, as the `config` crate reads them: defaults, file, environment, flags.

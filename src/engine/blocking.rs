//! Work that takes the processor long, done where no other task waits for it.

/// Does `work` on a thread of its own: on one of the runtime's, tasks that are ready would wait until it is done, and with
/// them whoever asked the API for something.
///
/// # Panics
/// If `work` does.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(fault) => std::panic::resume_unwind(fault.into_panic()),
    }
}

//! Wake-ups inside the daemon. Like NOTIFY they carry no data: losing one costs latency, never an event.

use tokio::sync::Notify;

/// Who can be woken.
#[derive(Debug, Default)]
pub struct Wake {
    /// Workers: something may be due.
    pub workers: Notify,
    /// Deliverers: something was handed over.
    pub deliverers: Notify,
    /// The publisher: a workflow was edited.
    pub publisher: Notify,
    /// The scheduler: schedules may have changed.
    pub scheduler: Notify,
    /// Who tells alarms: one was raised.
    pub alerts: Notify,
}

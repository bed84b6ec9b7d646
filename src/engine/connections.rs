//! How a daemon shares out its connections: all of them fit `pool_max`, always.

use crate::domain::settings::Settings;

/// The fewest of a daemon with which the API is served.
pub const WITH_API: u32 = 6;
/// With fewer there is no gate: the engine itself needs them more.
const WITH_GATE: u32 = 5;
/// Most of the lists.
const MOST_OF_LISTS: u32 = 4;

/// What each part of the daemon has. One more is the listener's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Workers, one connection each.
    pub workers: u32,
    /// Whether the gate has one: without it every writer notifies.
    pub gate: bool,
    /// For the lists of the page, the figures and what the house does beside the engine.
    pub lists: u32,
    /// For the API; nothing where there are too few of them.
    pub api: Option<OfApi>,
}

/// What the API has. One more is the door's, who looks up who comes: it must not wait for those who are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfApi {
    /// For operations.
    pub operations: u32,
    /// For what operations do by the engine's own statements.
    pub sessions: u32,
}

impl OfApi {
    const DOOR: u32 = 1;
    const LEAST: Self = Self { operations: 1, sessions: 1 };
    const MOST: Self = Self { operations: 2, sessions: 2 };

    fn all(self) -> u32 {
        Self::DOOR + self.operations + self.sessions
    }
}

impl Connections {
    /// Fits the parts into `pool_max`: one for each of them first, then workers as many as are set, then lists and API by turns.
    pub fn of(settings: &Settings) -> Self {
        let most = settings.pool_max;
        let api = (most >= WITH_API).then_some(OfApi::LEAST);
        let of_api = api.map_or(0, OfApi::all);
        let gate = settings.engine.gate && most >= WITH_GATE.max(of_api + 4);
        let mut fitted = Self { workers: 1, gate, lists: 1, api };
        let left = |fitted: &Self| most.saturating_sub(fitted.all());
        fitted.workers = settings.engine.workers.clamp(1, 1 + left(&fitted));
        while left(&fitted) > 0 {
            let before = fitted;
            fitted.lists = MOST_OF_LISTS.min(fitted.lists + 1);
            if let Some(api) = fitted.api.as_mut().filter(|_| most > before.all() + 1) {
                match *api {
                    // What is done by the engine's statements may take its time: with one, all others wait for it.
                    OfApi { sessions, .. } if sessions < OfApi::MOST.sessions => api.sessions += 1,
                    OfApi { operations, .. } if operations < OfApi::MOST.operations => api.operations += 1,
                    _ => {}
                }
            }
            if fitted == before {
                break;
            }
        }
        fitted
    }

    /// All of them, the listener's with them.
    pub fn all(&self) -> u32 {
        1 + u32::from(self.gate) + self.workers + self.lists + self.api.map_or(0, OfApi::all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pool_max: u32, workers: u32, gate: bool) -> Connections {
        let mut settings = Settings { pool_max, ..Settings::default() };
        (settings.engine.workers, settings.engine.gate) = (workers, gate);
        Connections::of(&settings)
    }

    #[test]
    fn all_of_them_fit_whatever_is_set() {
        for most in 3..=20 {
            for workers in [1, 2, 3, 8, 64] {
                for gate in [true, false] {
                    let fitted = of(most, workers, gate);
                    assert!(fitted.all() <= most, "{most}: {fitted:?}");
                    assert!(fitted.workers >= 1 && fitted.lists >= 1, "{most}: {fitted:?}");
                    assert!(fitted.workers <= workers && fitted.lists <= 4, "{most}: {fitted:?}");
                    assert_eq!(fitted.api.is_some(), most >= 6, "{most}: {fitted:?}");
                    let of_api = fitted.api.unwrap_or(OfApi::LEAST);
                    assert!((3..=5).contains(&of_api.all()), "{most}: {fitted:?}");
                    assert!(!fitted.gate || gate, "{most}: {fitted:?}");
                }
            }
        }
    }

    #[test]
    fn ten_are_shared_sensibly() {
        let api = |operations, sessions| Some(OfApi { operations, sessions });
        assert_eq!(of(3, 2, true), Connections { workers: 1, gate: false, lists: 1, api: None });
        assert_eq!(of(5, 2, true), Connections { workers: 2, gate: true, lists: 1, api: None });
        assert_eq!(of(6, 2, true), Connections { workers: 1, gate: false, lists: 1, api: api(1, 1) });
        assert_eq!(of(7, 2, true), Connections { workers: 1, gate: true, lists: 1, api: api(1, 1) });
        assert_eq!(of(10, 2, true), Connections { workers: 2, gate: true, lists: 2, api: api(1, 2) });
        assert_eq!(of(20, 2, true), Connections { workers: 2, gate: true, lists: 4, api: api(2, 2) });
    }
}

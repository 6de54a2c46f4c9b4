//! Chance that can be had again, and how long a test runs.

/// What a developer tells a test by the environment.
#[expect(clippy::disallowed_methods, reason = "a test may be told what to use")]
pub(crate) fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// How often something is done: in short, or as often as the promise says.
pub(crate) fn rounds(short: u64, in_full: u64) -> u64 {
    if told("THROUGHLINE_TEST_IN_FULL").is_some() { in_full } else { short }
}

/// A xorshift generator.
pub(crate) struct Chance(u64);

impl Chance {
    /// Seeded by the environment or else always the same; what it is seeded with is printed, and shown when a test fails.
    pub(crate) fn new(what: &str) -> Self {
        let seed = told("THROUGHLINE_TEST_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(20_260_302);
        println!("{what}: THROUGHLINE_TEST_SEED={seed}");
        Self(seed | 1)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

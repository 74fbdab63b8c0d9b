//! The ids that a tenant assigns.

/// Generates ids that look random and are the same for the same seed (`SplitMix64`).
#[derive(Clone)]
pub(crate) struct Ids(u64);

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the seed of all values that are still to come.
    pub(crate) fn rest(&self) -> u64 {
        self.0
    }

    /// Continues with other ids than a tenant that had the same seed and assigned `id`.
    pub(crate) fn avoid(&mut self, id: &str) {
        for byte in id.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Creates an id of the prefix and up to 32 hex digits.
    pub(crate) fn make(&mut self, prefix: &str, digits: usize) -> String {
        let mut id = format!("{prefix}{:016x}{:016x}", self.next(), self.next());
        id.truncate(prefix.len() + digits);
        id
    }

    pub(crate) fn fill<Id: AsRef<str> + From<String>>(&mut self, id: &mut Id, prefix: &str, digits: usize) {
        if id.as_ref().is_empty() {
            *id = self.make(prefix, digits).into();
        }
    }
}

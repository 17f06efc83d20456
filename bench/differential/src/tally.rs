//! Counts, and their form in a log: one line a part, so that adding up the lines
//! is all that resuming takes.

/// What became of the modules of a range of seeds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Seeds that were done.
    pub(crate) modules: u64,
    /// Seeds whose module cannot be compared: a host cannot link it, or it waits.
    pub(crate) unfit: u64,
    /// Modules that ran on wasmi as well.
    pub(crate) on_wasmi: u64,
    pub(crate) instantiated: u64,
    /// Modules of which at least one call returned.
    pub(crate) returned: u64,
    /// Modules in which something trapped: a call or the instantiation.
    pub(crate) trapped: u64,
    pub(crate) calls: u64,
    pub(crate) calls_returned: u64,
    /// Modules that exhausted a resource on one engine; compared up to there.
    pub(crate) cut: u64,
    /// Modules over which wasmi differs from all others, who agree.
    pub(crate) alone: u64,
    pub(crate) mismatches: u64,
}

impl Tally {
    const FIELDS: usize = 11;

    fn fields(&self) -> [u64; Self::FIELDS] {
        [
            self.modules,
            self.unfit,
            self.on_wasmi,
            self.instantiated,
            self.returned,
            self.trapped,
            self.calls,
            self.calls_returned,
            self.cut,
            self.alone,
            self.mismatches,
        ]
    }

    pub(crate) fn line(&self) -> String {
        self.fields().map(|field| field.to_string()).join(" ")
    }

    pub(crate) fn parse(line: &str) -> Option<Self> {
        let fields: Vec<u64> = line
            .split(' ')
            .map(|word| word.parse().ok())
            .collect::<Option<_>>()?;
        let [
            modules,
            unfit,
            on_wasmi,
            instantiated,
            returned,
            trapped,
            calls,
            calls_returned,
            cut,
            alone,
            mismatches,
        ] = fields.try_into().ok()?;
        Some(Self {
            modules,
            unfit,
            on_wasmi,
            instantiated,
            returned,
            trapped,
            calls,
            calls_returned,
            cut,
            alone,
            mismatches,
        })
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.modules += other.modules;
        self.unfit += other.unfit;
        self.on_wasmi += other.on_wasmi;
        self.instantiated += other.instantiated;
        self.returned += other.returned;
        self.trapped += other.trapped;
        self.calls += other.calls;
        self.calls_returned += other.calls_returned;
        self.cut += other.cut;
        self.alone += other.alone;
        self.mismatches += other.mismatches;
    }

    /// For people.
    pub(crate) fn summary(&self) -> String {
        let share = |part: u64, whole: u64| {
            if whole == 0 {
                "-".to_owned()
            } else {
                format!("{:.1} %", part as f64 * 100.0 / whole as f64)
            }
        };
        format!(
            "{} modules ({} on wasmi too, {} unfit): instantiated {}, returned {}, trapped in {}; \
             {} calls, returned {}; cut {}; wasmi alone {}; mismatches {}",
            self.modules,
            self.on_wasmi,
            self.unfit,
            share(self.instantiated, self.modules),
            share(self.returned, self.modules),
            share(self.trapped, self.modules),
            self.calls,
            share(self.calls_returned, self.calls),
            share(self.cut, self.modules),
            self.alone,
            self.mismatches
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let tally = Tally {
            modules: 10,
            calls: 7,
            mismatches: 2,
            ..Tally::default()
        };
        assert_eq!(Tally::parse(&tally.line()), Some(tally));
        assert_eq!(Tally::parse("1 2 3"), None);
        let mut sum = tally;
        sum.add(&tally);
        assert_eq!(sum.calls, 14);
        assert!(sum.summary().contains("mismatches 4"));
    }
}

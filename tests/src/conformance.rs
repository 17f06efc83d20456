//! The machine-readable summary `conformance.json` in Cargo's target folder:
//! suite → tier → number of files that passed, failed, were waived and were skipped.
//!
//! Test binaries may run side by side, each with a few suites of its own, so
//! the file is merged under a lock and replaced as a whole.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

/// Numbers of files of one suite on one tier.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Files without a failure and without a waiver.
    pub passed: u64,
    /// Files with a failure that is not waived.
    pub failed: u64,
    /// Files whose failures are all waived.
    pub waived: u64,
    /// Files that could not run here, for a reason that was printed.
    pub skipped: u64,
    /// How many directives of each kind were judged, where that was counted.
    pub judged: BTreeMap<String, u64>,
}

impl Tally {
    /// All files, whatever became of them.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.passed + self.failed + self.waived + self.skipped
    }
}

/// Replaces the entry of `suite` in `folder/conformance.json`.
///
/// # Errors
///
/// When the file cannot be written.
pub fn record(folder: &Path, suite: &str, tiers: &BTreeMap<String, Tally>) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("failed to create target: {error}"))?;
    let path = folder.join("conformance.json");
    let _lock = Lock::take(folder.join("conformance.lock"))?;
    // What is not an object, an interrupted older writer's rest, starts anew.
    let mut all: Map<String, Value> = fs::read(&path)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let entry = tiers.iter().map(|(tier, tally)| {
        let mut numbers = json!({
            "files": tally.files(),
            "passed": tally.passed,
            "failed": tally.failed,
            "waived": tally.waived,
            "skipped": tally.skipped,
        });
        if !tally.judged.is_empty() {
            numbers["judged"] = json!(tally.judged);
        }
        (tier.clone(), numbers)
    });
    all.insert(suite.to_owned(), Value::Object(entry.collect()));
    let text = format!("{:#}\n", Value::Object(all));
    let fresh = folder.join("conformance.json.new");
    fs::write(&fresh, text)
        .and_then(|()| fs::rename(&fresh, &path))
        .map_err(|error| format!("failed to write {}: {error}", path.display()))
}

/// Holds a lock file until dropped.
struct Lock(PathBuf);

impl Lock {
    fn take(path: PathBuf) -> Result<Lock, String> {
        let start = Instant::now();
        loop {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(_) => return Ok(Lock(path)),
                // A writer holds the lock for milliseconds: an old one is the
                // rest of a process that was killed.
                Err(_) if start.elapsed() > Duration::from_secs(5) => {
                    fs::remove_file(&path)
                        .map_err(|error| format!("failed to lock {}: {error}", path.display()))?;
                }
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A lock that is already gone was taken over; there is nothing to do.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_merged_and_replaced() {
        let folder = std::env::temp_dir().join(format!("linkspan-{}", std::process::id()));
        let tally = |passed, failed| {
            let tally = Tally {
                passed,
                failed,
                ..Tally::default()
            };
            BTreeMap::from([("loop".to_owned(), tally)])
        };
        let writers: Vec<_> = (0..4)
            .map(|index| {
                let folder = folder.clone();
                let tiers = tally(index, 1);
                thread::spawn(move || record(&folder, &format!("suite-{index}"), &tiers))
            })
            .collect();
        for writer in writers {
            writer.join().unwrap().unwrap();
        }
        record(&folder, "suite-0", &tally(7, 2)).unwrap();
        let text = fs::read(folder.join("conformance.json")).unwrap();
        let value: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value.as_object().unwrap().len(), 4);
        let expected = json!({ "files": 9, "passed": 7, "failed": 2, "waived": 0, "skipped": 0 });
        assert_eq!(value["suite-0"]["loop"], expected);
        assert_eq!(value["suite-3"]["loop"]["passed"], 3);
        fs::remove_dir_all(folder).unwrap();
    }
}

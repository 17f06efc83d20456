//! The rules about the code itself, on the project as it stands.

use linkspan_tests::tidy::{RULES, Tree};
use linkspan_tests::upstream;

#[test]
fn the_project_is_tidy() {
    let tree = Tree::read(upstream::project()).unwrap();
    // A tree that was read from the wrong place would please every rule.
    assert!(
        tree.exists("tests/suites/tidy.rs"),
        "the project was not found"
    );
    let mut report = String::new();
    for rule in RULES {
        let faults = (rule.check)(&tree);
        if !faults.is_empty() {
            report.push_str(&format!("\n{}, but:\n", rule.name));
            for fault in faults {
                report.push_str(&format!("  {fault}\n"));
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

//! Every file of `tests/presence` at the root of the workspace is a case; the beginning of its name says which test runs it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

mod support;

use std::path::{Path, PathBuf};

use support::case::Case;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/presence");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn run(prefix: &str) {
    let files: Vec<_> = files().into_iter().filter(|path| name(path).starts_with(&format!("{prefix}-"))).collect();
    assert!(!files.is_empty(), "no case {prefix}-*.toml");
    let mut report = Vec::new();
    for path in &files {
        let name = name(path);
        let case: Case = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(case.rules.starts_with("P-"), "{name}: rules = {}", case.rules);
        assert!(!case.why.is_empty(), "{name}: why");
        report.extend(case.differences().into_iter().map(|difference| format!("{name} {difference}")));
    }
    assert!(report.is_empty(), "{} differences in {} cases:\n{}", report.len(), files.len(), report.join("\n"));
}

macro_rules! cases {
    ($(#[test] fn $test:ident() => $prefix:literal;)*) => {
        $(#[test]
        fn $test() {
            run($prefix);
        })*

        #[test]
        fn rule_p29_every_case_is_run() {
            let lost: Vec<String> =
                files().iter().map(|path| name(path)).filter(|name| ![$($prefix),*].iter().any(|prefix| name.starts_with(&format!("{prefix}-")))).collect();
            assert!(lost.is_empty(), "{lost:?}");
            assert!(files().len() >= 120, "only {} cases", files().len());
        }
    };
}

cases! {
    #[test]
    fn rule_p29_golden_vectors() => "vector";
    #[test]
    fn rule_p01_half_open_time() => "p01";
    #[test]
    fn rule_p02_series() => "p02";
    #[test]
    fn rule_p03_show_as() => "p03";
    #[test]
    fn rule_p04_all_day() => "p04";
    #[test]
    fn feat_p03_rule_p05_class() => "p05";
    #[test]
    fn rule_p06_cancelled_and_declined() => "p06";
    #[test]
    fn feat_p05_rule_p07_ignore_prefix() => "p07";
    #[test]
    fn rule_p08_privacy_filter() => "p08";
    #[test]
    fn rule_p09_free() => "p09";
    #[test]
    fn rule_p10_mapping_ignore() => "p10";
    #[test]
    fn rule_p11_window() => "p11";
    #[test]
    fn feat_p01_rule_p12_mapping() => "p12";
    #[test]
    fn feat_p04_rule_p13_rank() => "p13";
    #[test]
    fn rule_p14_keywords_and_privacy() => "p14";
    #[test]
    fn rule_p15_timeline() => "p15";
    #[test]
    fn rule_p16_runs_and_gaps() => "p16";
    #[test]
    fn rule_p17_until() => "p17";
    #[test]
    fn feat_p07_rule_p18_text() => "p18";
    #[test]
    fn rule_p19_times() => "p19";
    #[test]
    fn feat_p06_rule_p20_masking() => "p20";
    #[test]
    fn rule_p21_out_of_office_setting() => "p21";
    #[test]
    fn rule_p21a_no_end_of_overrides() => "p21a";
    #[test]
    fn rule_p22_overrides() => "p22";
    #[test]
    fn rule_p22a_ended_overrides() => "p22a";
    #[test]
    fn rule_p23_own_mirror() => "p23";
    #[test]
    fn rule_p24_valid_until_end() => "p24";
    #[test]
    fn rule_p24a_profiles() => "p24a";
    #[test]
    fn feat_p02_templates() => "template";
    #[test]
    fn feat_c10_recurring_days_ahead() => "c10";
}

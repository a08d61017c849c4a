//! Every request of the corpus is valid against the vendor's schemas, as `xmllint` judges it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::corpus::corpus;
use crate::support::{reference, skipped};

/// Files of one run of the tool.
const BATCH: usize = 400;

fn judge(schema: &Path, files: &[String]) -> String {
    let output = Command::new("xmllint").args(["--noout", "--nonet", "--schema"]).arg(schema).args(files).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let verdicts = said.lines().filter(|line| line.ends_with(" validates") || line.ends_with(" fails to validate")).count();
    assert_eq!(verdicts, files.len(), "the tool did not judge every file: {said}");
    said.lines().filter(|line| !line.ends_with(" validates")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_request_is_valid_against_the_vendors_schemas() {
    let Some(reference) = reference() else { return };
    if Command::new("xmllint").arg("--version").output().is_err() {
        return skipped("xmllint is not installed: apt-get install libxml2-utils");
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ews-requests");
    let _none_yet = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for (name, body) in corpus().requests {
        // Callers differ in the header, versions often in nothing else: what was judged once is not judged again.
        if seen.insert(body.clone()) {
            let file = folder.join(format!("{:05}-{name}.xml", files.len()));
            fs::write(&file, body).unwrap();
            files.push(file.to_str().unwrap().to_owned());
        }
    }
    assert!(files.len() > 1_000, "the corpus has {} requests", files.len());
    let schema = reference.join("ews/ews.xsd");
    let wrong: String = files.chunks(BATCH).map(|batch| judge(&schema, batch)).collect();
    assert!(wrong.is_empty(), "{}", wrong.lines().take(20).collect::<Vec<_>>().join("\n"));
    // The judge is not blind: an operation without its parts is refused.
    let good = fs::read_to_string(&files[0]).unwrap();
    let bad = folder.join("wrong-on-purpose.xml");
    fs::write(&bad, good.replace("<soap:Body>", "<soap:Body><m:GetItem/>")).unwrap();
    assert!(judge(&schema, &[bad.to_str().unwrap().to_owned()]).contains("fails to validate"));
    println!("{} different requests are valid", files.len());
}

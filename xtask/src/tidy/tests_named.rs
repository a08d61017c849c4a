//! The names of the tests in the tree.

use std::collections::BTreeSet;

use super::tree::Tree;

/// Every test function: in Rust those under an attribute that says `test` (also within `proptest!`), in Python those
/// that pytest collects by their name.
pub fn tests_of(tree: &Tree) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for file in tree.ending(&[".rs"]) {
        names.extend(in_rust(&file.text));
    }
    for file in tree.ending(&[".py"]) {
        names.extend(in_python(&file.text));
    }
    names
}

fn in_rust(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            let attribute = line.trim_start_matches("#[");
            let path = attribute.split(['(', ']', ' ']).next().unwrap_or_default();
            marked |= path == "test" || path.ends_with("::test");
        } else if let Some(name) = function(line, &["fn ", "async fn ", "pub fn "]) {
            if marked {
                names.push(name);
            }
            marked = false;
        }
    }
    names
}

fn in_python(text: &str) -> Vec<&str> {
    let functions = text.lines().filter_map(|line| function(line.trim(), &["def ", "async def "]));
    functions.filter(|name| name.starts_with("test_")).collect()
}

fn function<'a>(line: &'a str, starts: &[&str]) -> Option<&'a str> {
    let rest = starts.iter().find_map(|start| line.strip_prefix(start))?;
    rest.split(['(', '<']).next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_make_a_test() {
        let text = "#[tokio::test(flavor = \"multi_thread\")]\n/// Why.\n#[cfg(unix)]\nasync fn one() {\n    fn inner() {}\n}\nfn two() {}\n\
                    proptest! {\n    #[test]\n    fn three(x in 0..3) {}\n}\n#[cfg(test)]\nfn four() {}\n";
        assert_eq!(in_rust(text), ["one", "three"]);
    }

    #[test]
    fn python_tests_are_those_that_pytest_collects() {
        assert_eq!(in_python("class A:\n    async def test_feat_c03(self):\n        pass\ndef helper():\n    pass\n"), ["test_feat_c03"]);
    }
}

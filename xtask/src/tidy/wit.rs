//! Rule `wit`: every item of the WIT package carries a `///` comment.
//!
//! These comments are the documentation that the author of a connector sees, in any language; a `//` comment is lost in
//! the bindings. Asked of: interfaces, worlds, records and their fields, variants, enums, flags and their cases, types,
//! resources and functions. This is a reader of names, not a parser: what is no WIT is the toolchain's business.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::Finding;
use super::tree::Tree;

/// Where the package is.
const FOLDER: &str = "wit/";

/// A piece of a WIT file.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A documentation comment.
    Doc,
    /// A name, a keyword or a number; also a package id.
    Word(String),
    /// Any other character.
    Sign(char),
}

type Tokens = Peekable<IntoIter<(usize, Token)>>;

/// Checks every `.wit` file of the package.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.ending(&[".wit"]).filter(|file| file.path.starts_with(FOLDER)) {
        let mut bare = Vec::new();
        body(&mut tokens(&file.text).into_iter().peekable(), &mut bare);
        for (line, what) in bare {
            let message = format!("{what} has no `///` comment");
            findings.push(Finding::error("wit", &file.path, line, message));
        }
    }
    findings
}

/// Cuts a text into tokens with their lines; comments other than documentation disappear.
fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut tokens = Vec::new();
    let mut in_block = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let mut rest = line;
        while !rest.is_empty() {
            if in_block {
                let Some((_, after)) = rest.split_once("*/") else { break };
                in_block = false;
                rest = after;
            } else if rest.starts_with("//") {
                if rest.strip_prefix("///").is_some_and(|doc| !doc.trim().is_empty()) {
                    tokens.push((number, Token::Doc));
                }
                break;
            } else if let Some(after) = rest.strip_prefix("/*") {
                if after.starts_with('*') && !after.starts_with("**") {
                    tokens.push((number, Token::Doc));
                }
                in_block = true;
                rest = after;
            } else {
                rest = one_token(rest, number, &mut tokens);
            }
        }
    }
    tokens
}

/// Takes one word or sign off the front.
fn one_token<'a>(rest: &'a str, number: usize, tokens: &mut Vec<(usize, Token)>) -> &'a str {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '%');
    let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    // `->` begins like a name.
    if !word.is_empty() && word != "-" {
        tokens.push((number, Token::Word(word.to_owned())));
        return after;
    }
    let mut chars = rest.chars();
    if let Some(sign) = chars.next().filter(|c| !c.is_whitespace()) {
        tokens.push((number, Token::Sign(sign)));
    }
    chars.as_str()
}

/// Reads items up to the closing brace (or the end), and notes those without documentation.
fn body(tokens: &mut Tokens, bare: &mut Vec<(usize, String)>) {
    let mut documented = false;
    while let Some((line, token)) = tokens.next() {
        match token {
            Token::Doc => documented = true,
            Token::Sign('}') => return,
            // An attribute such as `@since(version = 0.1.0)` between the comment and its item.
            Token::Sign('@') => attribute(tokens),
            Token::Sign(_) => {}
            Token::Word(word) => {
                item(&word, line, documented, tokens, bare);
                documented = false;
            }
        }
    }
}

fn item(word: &str, line: usize, documented: bool, tokens: &mut Tokens, bare: &mut Vec<(usize, String)>) {
    let is_function = tokens.peek().is_some_and(|(_, next)| *next == Token::Sign(':'));
    let mut note = |what: String| {
        if !documented {
            bare.push((line, what));
        }
    };
    match word {
        _ if is_function && word != "package" => {
            note(format!("function `{word}`"));
            skip_statement(tokens);
        }
        "interface" | "world" | "resource" => {
            note(format!("{word} `{}`", name(tokens)));
            if opens_block(tokens) {
                body(tokens, bare);
            }
        }
        "record" | "variant" | "enum" | "flags" => {
            let name = name(tokens);
            note(format!("{word} `{name}`"));
            if opens_block(tokens) {
                members(word, &name, tokens, bare);
            }
        }
        "type" => {
            note(format!("type `{}`", name(tokens)));
            skip_statement(tokens);
        }
        // `constructor(...)` of a resource is a function without a colon.
        "constructor" => {
            note("constructor".to_owned());
            skip_statement(tokens);
        }
        // package, use, import, export, include: they name what is documented where it is defined.
        _ => skip_statement(tokens),
    }
}

/// Reads the fields or cases of a type up to its closing brace.
fn members(kind: &str, owner: &str, tokens: &mut Tokens, bare: &mut Vec<(usize, String)>) {
    let member = if kind == "record" { "field" } else { "case" };
    let (mut documented, mut expects_name, mut depth) = (false, true, 0_usize);
    while let Some((line, token)) = tokens.next() {
        match token {
            Token::Doc => documented = true,
            Token::Sign('@') => attribute(tokens),
            Token::Sign('}') => return,
            Token::Sign('(' | '<') => depth += 1,
            Token::Sign(')' | '>') => depth = depth.saturating_sub(1),
            Token::Sign(',') if depth == 0 => (documented, expects_name) = (false, true),
            Token::Word(name) if expects_name => {
                if !documented {
                    bare.push((line, format!("{member} `{name}` of {kind} `{owner}`")));
                }
                expects_name = false;
            }
            Token::Sign(_) | Token::Word(_) => {}
        }
    }
}

fn name(tokens: &mut Tokens) -> String {
    match tokens.next_if(|(_, token)| matches!(token, Token::Word(_))) {
        Some((_, Token::Word(name))) => name,
        _ => "?".to_owned(),
    }
}

/// Goes on to an opening brace and says so, or to the end of a statement without a block.
fn opens_block(tokens: &mut Tokens) -> bool {
    tokens.next_if(|(_, token)| *token == Token::Sign('{')).is_some()
}

/// Reads up to the end of a statement; the braces of `use a.{b, c};` and of an inline interface belong to it.
fn skip_statement(tokens: &mut Tokens) {
    let mut depth = 0_usize;
    for (_, token) in tokens.by_ref() {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => depth = depth.saturating_sub(1),
            Token::Sign(';') if depth == 0 => return,
            _ => {}
        }
    }
}

fn attribute(tokens: &mut Tokens) {
    name(tokens);
    if tokens.next_if(|(_, token)| *token == Token::Sign('(')).is_some() {
        while tokens.next_if(|(_, token)| *token != Token::Sign(')')).is_some() {}
        tokens.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str) -> Vec<(usize, String)> {
        let found = check(&Tree::of(&[("wit/a.wit", text)]));
        found.into_iter().map(|one| (one.line, one.message.trim_end_matches(" has no `///` comment").to_owned())).collect()
    }

    #[test]
    fn a_documented_package_is_clean() {
        let text = "\
package calport:connector@0.1.0;

/// Calendars.
@since(version = 0.1.0)
interface calendar {
    use model.{event, problem as error};
    /// A kind.
    enum kind {
        /// One.
        a,
        /** Two. */
        b,
    }
    /// What.
    record thing {
        /// Names, with values.
        extra: list<tuple<string, string>>,
        /// Kind.
        kind: option<kind>,
    }
    /// Which.
    variant choice {
        /// None.
        nothing,
        /// This.
        this(result<thing, error>),
    }
    /// Short.
    type pages = list<thing>;
    /// Read.
    changes: func(calendar: string, cursor: option<string>) -> result<pages, error>;
}

/// All.
world connector {
    import http;
    export calendar;
}
";
        assert_eq!(bare(text), Vec::new());
    }

    #[test]
    fn every_kind_of_item_is_asked() {
        let text = "\
interface a {
    // not documentation
    record r {
        x: tuple<u8, u8>,
        /// Y.
        y: u8, z: u8,
    }
    flags f { one }
    variant v { c(list<string>), d }
    type t = u8;
    read: func() -> u8;
    resource res {
        constructor(a: u8);
        get: func() -> u8;
    }
}
world w {
}
";
        let names: Vec<String> = bare(text).into_iter().map(|(line, what)| format!("{line} {what}")).collect();
        assert_eq!(
            names,
            [
                "1 interface `a`",
                "3 record `r`",
                "4 field `x` of record `r`",
                "6 field `z` of record `r`",
                "8 flags `f`",
                "8 case `one` of flags `f`",
                "9 variant `v`",
                "9 case `c` of variant `v`",
                "9 case `d` of variant `v`",
                "10 type `t`",
                "11 function `read`",
                "12 resource `res`",
                "13 constructor",
                "14 function `get`",
                "17 world `w`"
            ]
        );
    }

    #[test]
    fn an_empty_comment_is_no_documentation() {
        assert_eq!(bare("///\ninterface a {\n}\n"), [(2, "interface `a`".to_owned())]);
    }

    #[test]
    fn a_comment_belongs_to_the_next_item_only() {
        assert_eq!(bare("/// A.\ninterface a {\n  /// X.\n  type x = u8;\n  type y = u8;\n}\n"), [(5, "type `y`".to_owned())]);
    }

    #[test]
    fn wit_outside_of_the_package_is_free() {
        assert!(check(&Tree::of(&[("tests/x/a.wit", "interface a {\n}\n")])).is_empty());
    }
}

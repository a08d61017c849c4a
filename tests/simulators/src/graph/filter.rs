//! The part of OData `$filter` that clients of calendars and directories use.
//!
//! `eq ne gt ge lt le`, `and or not`, brackets, `startswith`, and `any` over lists, evaluated on the item as it is written on the wire.
//! Anything else is refused: a filter that is silently ignored would show a client more than it asked for.

use serde_json::Value;

use super::http::Refusal;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

#[derive(Clone, Debug)]
enum Node {
    Or(Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Compare(Vec<String>, String, Value),
    Starts(Vec<String>, String),
    Any(Vec<String>, String, Box<Node>),
}

/// A filter that was understood.
#[derive(Clone, Debug)]
pub(crate) struct Filter(Node);

fn refuse(text: &str) -> Refusal {
    Refusal::bad("BadRequest", format!("Invalid filter clause: {text}"))
}

fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '(' | ')' | ',' => out.push(Token::Mark(c)),
            '\'' => {
                let mut literal = String::new();
                loop {
                    match chars.next() {
                        Some('\'') if chars.peek() == Some(&'\'') => {
                            chars.next();
                            literal.push('\'');
                        }
                        Some('\'') => break,
                        Some(c) => literal.push(c),
                        None => return Err(refuse("unterminated string literal")),
                    }
                }
                out.push(Token::Text(literal));
            }
            c => {
                let mut word = c.to_string();
                while let Some(n) = chars.next_if(|n| !n.is_whitespace() && !"(),'".contains(*n)) {
                    word.push(n);
                    // The variable of a lambda ends at its colon.
                    if n == ':' && word.chars().all(|c| c.is_alphanumeric() || c == ':') && !word.starts_with(|c: char| c.is_ascii_digit())
                    {
                        break;
                    }
                }
                out.push(Token::Word(word));
            }
        }
    }
    Ok(out)
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    /// Brackets and negations open, bounded so that hostile nesting cannot overflow the stack.
    depth: usize,
}

const DEEPEST: usize = 32;

impl Parser {
    fn word(&mut self, word: &str) -> bool {
        self.tokens.next_if(|t| matches!(t, Token::Word(w) if w.eq_ignore_ascii_case(word))).is_some()
    }

    fn mark(&mut self, mark: char) -> Result<(), Refusal> {
        match self.tokens.next() {
            Some(Token::Mark(m)) if m == mark => Ok(()),
            other => Err(refuse(&format!("'{mark}' expected, found {other:?}"))),
        }
    }

    fn path(&mut self) -> Result<Vec<String>, Refusal> {
        match self.tokens.next() {
            Some(Token::Word(w)) => Ok(w.split('/').map(str::to_owned).collect()),
            other => Err(refuse(&format!("a property was expected, found {other:?}"))),
        }
    }

    fn or(&mut self) -> Result<Node, Refusal> {
        let mut left = self.and()?;
        while self.word("or") {
            left = Node::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Node, Refusal> {
        let mut left = self.one()?;
        while self.word("and") {
            left = Node::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Node, Refusal> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(refuse("nested too deeply"));
        }
        let node = self.inner()?;
        self.depth -= 1;
        Ok(node)
    }

    fn inner(&mut self) -> Result<Node, Refusal> {
        if self.word("not") {
            return Ok(Node::Not(Box::new(self.one()?)));
        }
        if self.tokens.next_if_eq(&Token::Mark('(')).is_some() {
            let node = self.or()?;
            self.mark(')')?;
            return Ok(node);
        }
        let mut path = self.path()?;
        if self.tokens.next_if_eq(&Token::Mark('(')).is_some() {
            let name = path.pop().unwrap_or_default().to_ascii_lowercase();
            let node = match name.as_str() {
                "startswith" => {
                    let path = self.path()?;
                    self.mark(',')?;
                    let Some(Token::Text(text)) = self.tokens.next() else { return Err(refuse("startswith needs a string")) };
                    Node::Starts(path, text)
                }
                "any" => {
                    let Some(Token::Word(variable)) = self.tokens.next() else { return Err(refuse("any needs a variable")) };
                    Node::Any(path, variable.trim_end_matches(':').to_owned(), Box::new(self.or()?))
                }
                other => return Err(refuse(&format!("function '{other}' is not supported"))),
            };
            self.mark(')')?;
            return Ok(node);
        }
        let Some(Token::Word(operator)) = self.tokens.next() else { return Err(refuse("an operator was expected")) };
        let operator = operator.to_ascii_lowercase();
        if !["eq", "ne", "gt", "ge", "lt", "le"].contains(&operator.as_str()) {
            return Err(refuse(&format!("operator '{operator}' is not supported")));
        }
        let literal = match self.tokens.next() {
            Some(Token::Text(t)) => Value::from(t),
            Some(Token::Word(w)) => match w.as_str() {
                "true" => Value::from(true),
                "false" => Value::from(false),
                "null" => Value::Null,
                _ => Value::from(w),
            },
            other => return Err(refuse(&format!("a literal was expected, found {other:?}"))),
        };
        Ok(Node::Compare(path, operator, literal))
    }
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// 400 `BadRequest` for what is not understood.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), depth: 0 };
        let node = parser.or()?;
        match parser.tokens.next() {
            None => Ok(Self(node)),
            Some(extra) => Err(refuse(&format!("unexpected {extra:?}"))),
        }
    }

    /// Whether the item passes.
    ///
    /// # Errors
    /// 400 for a property the item does not have.
    pub fn passes(&self, item: &Value) -> Result<bool, Refusal> {
        evaluate(&self.0, item, None)
    }
}

fn find<'a>(path: &[String], item: &'a Value, variable: Option<(&str, &'a Value)>) -> Result<&'a Value, Refusal> {
    let mut steps = path.iter();
    let mut at = match variable {
        Some((name, value)) if path.first().is_some_and(|p| p == name) => {
            steps.next();
            value
        }
        _ => item,
    };
    for step in steps {
        at = at.get(step).ok_or_else(|| refuse(&format!("Could not find a property named '{}'.", path.join("/"))))?;
    }
    Ok(at)
}

fn compare(left: &Value, operator: &str, right: &Value) -> bool {
    let order = match (left, right) {
        (Value::String(l), Value::String(r)) => Some(l.to_lowercase().cmp(&r.to_lowercase())),
        (l, Value::String(r)) if l.is_number() => l.as_f64().zip(r.parse().ok()).and_then(|(l, r)| l.partial_cmp(&r)),
        (l, r) if l == r => Some(std::cmp::Ordering::Equal),
        _ => None,
    };
    match operator {
        "eq" => order.is_some_and(std::cmp::Ordering::is_eq),
        "ne" => !order.is_some_and(std::cmp::Ordering::is_eq),
        "gt" => order.is_some_and(std::cmp::Ordering::is_gt),
        "ge" => order.is_some_and(std::cmp::Ordering::is_ge),
        "lt" => order.is_some_and(std::cmp::Ordering::is_lt),
        _ => order.is_some_and(std::cmp::Ordering::is_le),
    }
}

fn evaluate<'a>(node: &Node, item: &'a Value, variable: Option<(&str, &'a Value)>) -> Result<bool, Refusal> {
    Ok(match node {
        Node::Or(a, b) => evaluate(a, item, variable)? || evaluate(b, item, variable)?,
        Node::And(a, b) => evaluate(a, item, variable)? && evaluate(b, item, variable)?,
        Node::Not(a) => !evaluate(a, item, variable)?,
        Node::Compare(path, operator, literal) => compare(find(path, item, variable)?, operator, literal),
        Node::Starts(path, text) => {
            let found = find(path, item, variable)?.as_str().unwrap_or_default().to_lowercase();
            found.starts_with(&text.to_lowercase())
        }
        Node::Any(path, name, inner) => {
            for value in find(path, item, variable)?.as_array().into_iter().flatten() {
                if evaluate(inner, item, Some((name, value)))? {
                    return Ok(true);
                }
            }
            false
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn filters_mean_what_they_say_and_strange_ones_are_refused() {
        let item = json!({"mail": "A@b.c", "on": true, "list": ["smtp:x@y", "SMTP:A@b.c"], "props": [{"id": "p", "value": "1"}], "start": {"dateTime": "2026-03-01T10:00:00.0000000"}});
        let pass = |f: &str| Filter::read(f).and_then(|f| f.passes(&item));
        for yes in [
            "mail eq 'a@B.c'",
            "on eq true and mail ne null",
            "list/any(x:x eq 'smtp:a@b.c')",
            "list/any(p: startswith(p,'smtp:x'))",
            "mail eq 'o''x' or (not (on eq false))",
            "props/any(ep: ep/id eq 'p' and ep/value eq '1')",
            "start/dateTime ge '2026-03-01T10:00'",
        ] {
            assert!(pass(yes).unwrap(), "{yes}");
        }
        for no in ["mail eq 'x'", "on eq false", "list/any(x:x eq 'z')"] {
            assert!(!pass(no).unwrap(), "{no}");
        }
        for bad in ["", "mail", "mail like 'x'", "nothing eq 1", "contains(mail,'a')", "mail eq 'x", "mail eq 'x' mail", &"(".repeat(5000)]
        {
            assert!(pass(bad).is_err(), "{bad}");
        }
    }
}

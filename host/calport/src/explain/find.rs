//! Who is meant by what an administrator types.

/// Somebody who can be asked about.
#[derive(Clone, Debug)]
pub struct Known {
    /// The person's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// All addresses.
    pub addresses: Vec<String>,
    /// Users at sinks.
    pub users: Vec<String>,
}

/// Nobody, or more than one person, is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFound {
    /// What was not found.
    pub error: String,
    /// What to do.
    pub remedy: String,
}

/// Names of people in one message.
const MOST_NAMED: usize = 5;

/// Shorter parts of a name are chance.
const SHORTEST_PART: usize = 3;

impl Known {
    fn told(&self) -> String {
        if self.name.is_empty() || self.name == self.id { self.id.clone() } else { format!("{} ({})", self.id, self.name) }
    }
}

/// The person meant: by id, else by address, name or user, upper and lower case being the same. What names several people names
/// none.
///
/// # Errors
/// Those who could be meant.
pub fn find<'a>(asked: &str, people: &'a [Known]) -> Result<&'a Known, NotFound> {
    let wanted = asked.trim().to_lowercase();
    if let Some(person) = people.iter().find(|person| person.id == asked.trim()) {
        return Ok(person);
    }
    let is = |text: &String| text.to_lowercase() == wanted;
    let ways: [&dyn Fn(&Known) -> bool; 4] =
        [&|person| is(&person.id), &|person| person.addresses.iter().any(is), &|person| is(&person.name), &|person| {
            person.users.iter().any(is)
        }];
    for way in ways {
        let found: Vec<&Known> = people.iter().filter(|person| way(person)).collect();
        match found.as_slice() {
            [] => {}
            [person] => return Ok(person),
            several => {
                let error = format!("{asked:?} names {} people", several.len());
                return Err(NotFound { error, remedy: format!("give the id of one of them: {}", named(several)) });
            }
        }
    }
    let near = nearest(&wanted, people);
    let list = "`calport status --people` lists everybody";
    let remedy = if near.is_empty() { list.to_owned() } else { format!("did you mean {}? {list}", named(&near)) };
    Err(NotFound { error: format!("there is nobody called {asked:?}"), remedy })
}

fn named(people: &[&Known]) -> String {
    let mut told: Vec<String> = people.iter().take(MOST_NAMED).map(|person| person.told()).collect();
    if people.len() > MOST_NAMED {
        told.push(format!("and {} more", people.len() - MOST_NAMED));
    }
    told.join(", ")
}

/// The people whose id, name or address is a slip of the pen away, or has it as a part; nearest first.
fn nearest<'a>(wanted: &str, people: &'a [Known]) -> Vec<&'a Known> {
    let distance = |text: &str| {
        let text = text.to_lowercase();
        let differ = strsim::damerau_levenshtein(wanted, &text);
        let part = wanted.chars().count() >= SHORTEST_PART && text.contains(wanted);
        let near = differ <= (text.chars().count().max(wanted.chars().count()) / 3).max(1);
        (near || part).then_some(differ)
    };
    let mut near: Vec<(usize, &Known)> = people
        .iter()
        .filter_map(|person| {
            let texts = [&person.id, &person.name].into_iter().chain(&person.addresses).chain(&person.users);
            let words = person.name.split_whitespace();
            let differ = texts.map(String::as_str).chain(words).filter(|text| !text.is_empty()).filter_map(distance).min()?;
            Some((differ, person))
        })
        .collect();
    near.sort_by(|(a, one), (b, other)| (a, &one.id).cmp(&(b, &other.id)));
    near.truncate(MOST_NAMED);
    near.into_iter().map(|(_, person)| person).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> Vec<Known> {
        let known = |id: &str, name: &str, address: &str, user: &str| Known {
            id: id.to_owned(),
            name: name.to_owned(),
            addresses: vec![address.to_owned()],
            users: vec![user.to_owned()],
        };
        vec![
            known("anna", "Anna Albers", "anna@contoso.example", "201"),
            known("ben", "Ben Becker", "ben@contoso.example", "202"),
            known("anna2", "Anna Zander", "anna.z@contoso.example", "203"),
            known("twin1", "Kim Lee", "kim1@contoso.example", "301"),
            known("twin2", "Kim Lee", "kim2@contoso.example", "302"),
            known("202", "A person whose id is another's user", "x@contoso.example", "999"),
        ]
    }

    fn who(asked: &str) -> Result<String, NotFound> {
        find(asked, &people()).map(|person| person.id.clone())
    }

    #[test]
    fn feat_x06_a_person_is_found_by_id_address_name_and_user() {
        for (asked, id) in [
            ("anna", "anna"),
            ("ANNA", "anna"),
            ("anna albers", "anna"),
            ("Anna@Contoso.Example", "anna"),
            ("201", "anna"),
            ("202", "202"),
            (" ben ", "ben"),
        ] {
            assert_eq!(who(asked).as_deref(), Ok(id), "{asked}");
        }
    }

    #[test]
    fn feat_x06_what_names_several_people_is_refused_with_their_ids() {
        let refused = who("kim lee").unwrap_err();
        assert_eq!(refused.error, "\"kim lee\" names 2 people");
        assert_eq!(refused.remedy, "give the id of one of them: twin1 (Kim Lee), twin2 (Kim Lee)");
    }

    #[test]
    fn feat_x06_who_is_not_there_is_told_with_the_nearest_names() {
        let told = |asked: &str| who(asked).unwrap_err();
        assert_eq!(told("ana").error, "there is nobody called \"ana\"");
        assert!(told("ana").remedy.starts_with("did you mean anna (Anna Albers)"), "{}", told("ana").remedy);
        assert!(told("beckr").remedy.starts_with("did you mean ben (Ben Becker)? "), "{}", told("beckr").remedy);
        assert!(told("zander").remedy.contains("anna2"), "a part of a name: {}", told("zander").remedy);
        assert_eq!(told("qqqqqq").remedy, "`calport status --people` lists everybody");
        assert_eq!(find("x", &[]).unwrap_err().remedy, "`calport status --people` lists everybody");
    }
}

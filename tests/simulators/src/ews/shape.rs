//! Which properties an answer is to hold: `ItemShape` of every operation that gives items.

use super::soap::{Fault, Trouble};
use super::xml::Element;

/// The base of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    IdOnly,
    Default,
    AllProperties,
}

/// In which form bodies are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyForm {
    /// As it is kept.
    Best,
    Html,
    Text,
}

/// A shape.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub base: Base,
    pub body: BodyForm,
    /// `FieldURI` of the additional properties.
    uris: Vec<String>,
    /// `FieldURI` and `FieldIndex` of entries of lists.
    pub indexed: Vec<(String, String)>,
    /// `t:ExtendedFieldURI` elements, to be echoed before their values.
    pub extended: Vec<Element>,
}

impl Shape {
    /// Ids only.
    pub fn ids() -> Self {
        Self { base: Base::IdOnly, body: BodyForm::Best, uris: Vec::new(), indexed: Vec::new(), extended: Vec::new() }
    }

    /// Reads an `ItemShape`.
    ///
    /// # Errors
    /// `ErrorSchemaValidation`.
    pub fn read(element: Option<&Element>) -> Result<Self, Fault> {
        let element =
            element.ok_or_else(|| Fault::schema("The element has incomplete content. List of possible elements expected: 'ItemShape'."))?;
        let base = match element.value("BaseShape") {
            Some("IdOnly") => Base::IdOnly,
            Some("Default") => Base::Default,
            Some("AllProperties") => Base::AllProperties,
            _ => return Err(Fault::schema("The 'BaseShape' element is invalid.")),
        };
        let body = match element.value("BodyType") {
            Some("Text") => BodyForm::Text,
            Some("HTML") => BodyForm::Html,
            None | Some("Best") => BodyForm::Best,
            Some(_) => return Err(Fault::schema("The 'BodyType' element is invalid.")),
        };
        let paths = element.child("AdditionalProperties").map(|p| p.children.as_slice()).unwrap_or_default();
        let uris = paths.iter().filter(|p| p.local() == "FieldURI").filter_map(|p| p.attribute("FieldURI")).map(str::to_owned).collect();
        let extended = paths.iter().filter(|p| p.local() == "ExtendedFieldURI").cloned().collect();
        let indexed = paths.iter().filter_map(|p| Some((p.attribute("FieldURI")?.to_owned(), p.attribute("FieldIndex")?.to_owned())));
        Ok(Self { base, body, uris, indexed: indexed.collect(), extended })
    }

    /// Whether a property is wanted; `in_default` says whether the shape `Default` holds it.
    pub fn wants(&self, uri: &str, in_default: bool) -> bool {
        match self.base {
            Base::AllProperties => true,
            Base::Default if in_default => true,
            _ => self.names(uri),
        }
    }

    /// Whether a property is named one by one, as some have to be.
    pub fn names(&self, uri: &str) -> bool {
        self.uris.iter().any(|u| u == uri)
    }

    /// Whether nothing is wanted beyond the base.
    pub fn is_bare(&self) -> bool {
        self.uris.is_empty() && self.extended.is_empty()
    }

    /// Ids and one property more, by the path of a condition or an order.
    pub fn only(path: &Element) -> Self {
        let mut shape = Self::ids();
        match path.local() {
            "FieldURI" => shape.uris.extend(path.attribute("FieldURI").map(str::to_owned)),
            "ExtendedFieldURI" => shape.extended.push(path.clone()),
            "IndexedFieldURI" => shape
                .indexed
                .extend(path.attribute("FieldURI").zip(path.attribute("FieldIndex")).map(|(u, i)| (u.to_owned(), i.to_owned()))),
            _ => {}
        }
        shape
    }

    /// What FindItem does not give and GetItem does.
    ///
    /// # Errors
    /// `ErrorInvalidPropertyRequest` for one of `unsupported`.
    pub fn without(&self, unsupported: &[&str]) -> Result<(), Trouble> {
        if self.uris.iter().any(|u| unsupported.contains(&u.as_str())) {
            return Err(Trouble::new("ErrorInvalidPropertyRequest", "Property is not valid for this object type."));
        }
        Ok(())
    }
}

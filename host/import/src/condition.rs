//! Conditions on a form: what is given, and which words.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::form::Given;
use crate::name::plain;
use crate::preset::Preset;

/// A condition on a setting or on a section. All that it says must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Test {
    /// The setting's id.
    pub setting: String,
    /// The section's id: any of its settings.
    pub section: String,
    /// Whether it is given.
    pub given: Option<bool>,
    /// It is this word: a choice's, or `on` or `off` of a switch.
    pub is: Option<String>,
    /// Its text contains one of these.
    pub contains: Vec<String>,
}

impl Test {
    /// Refuses ids that lead nowhere.
    pub fn check(&self, preset: &Preset) -> Result<(), String> {
        if !self.setting.is_empty() && preset.setting(&self.setting).is_none() {
            return Err(format!("there is no setting `{}`", self.setting));
        }
        if !self.section.is_empty() && preset.section(&self.section).is_none() {
            return Err(format!("there is no section `{}`", self.section));
        }
        if self.setting.is_empty() == self.section.is_empty() { Err("a condition names a setting or a section".to_owned()) } else { Ok(()) }
    }

    /// Whether it holds. What is given in a way that cannot be used is given all the same.
    pub fn holds(&self, preset: &Preset, all: &BTreeMap<String, Given>) -> bool {
        if !self.section.is_empty() {
            let any = preset.settings.iter().any(|setting| setting.section == self.section && all.contains_key(&setting.id));
            return self.given.is_none_or(|given| given == any);
        }
        let found = all.get(&self.setting);
        let word = || found.and_then(|found| found.value.as_ref().ok()?.word(preset.setting(&self.setting)?));
        let given = self.given.is_none_or(|given| given == found.is_some());
        let is = self.is.as_ref().is_none_or(|wanted| word().is_some_and(|word| plain(&word) == plain(wanted)));
        let folded = word().unwrap_or_default().to_lowercase();
        given && is && (self.contains.is_empty() || self.contains.iter().any(|part| folded.contains(part)))
    }
}

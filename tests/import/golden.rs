//! Filled forms and what comes of them: `presets/examples/NAME.txt`, `.report.txt`, `.toml`.

use calport_import::presets;

use super::{golden, imported, loaded, read};

#[test]
fn the_example_form_of_each_product_has_its_report_and_its_configuration() {
    for preset in presets().unwrap() {
        let name = &preset.name;
        let imported = imported(name, &read(&format!("presets/examples/{name}.txt")));
        loaded(&imported);
        golden(&format!("presets/examples/{name}.report.txt"), &imported.report.text());
        golden(&format!("presets/examples/{name}.toml"), &imported.config);
    }
}

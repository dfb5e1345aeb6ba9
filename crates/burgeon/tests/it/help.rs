//! The help texts are part of the interface: a change of them is seen in review.

use crate::support::Place;

#[test]
fn the_verbs() {
    let help = Place::new().run(&["--help"]).ok();
    insta::assert_snapshot!(help, @"");
}

#[test]
fn the_options_of_query_and_import() {
    let place = Place::new();
    let query = place.run(&["query", "-h"]).ok();
    insta::assert_snapshot!(query, @"");
    let import = place.run(&["import", "-h"]).ok();
    insta::assert_snapshot!(import, @"");
}

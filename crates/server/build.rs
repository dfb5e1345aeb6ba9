//! Makes the folders that are embedded exist, and rebuilds the crate when their content changes.

use std::path::Path;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for folder in ["web/dist", "definitions"] {
        let path = root.join(folder);
        // A missing page is answered at run time with how to build it, so a failure here is no failure of the build.
        let _ = std::fs::create_dir_all(&path);
        println!("cargo:rerun-if-changed={}", path.display());
    }
}
